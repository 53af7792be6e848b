"""Folds of a search: the training samples, split as often as they are held out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TypeAlias

import numpy as np

from xpnet.cli.training.splits import Shares, Split
from xpnet.data import Dataset

_Rows: TypeAlias = np.ndarray


def folds_of(given: SimpleNamespace, dataset: Dataset, *, positive: bool) -> Iterator[Split]:
    """Yield the splits of the training samples of `dataset`; test samples are those held out.

    All that is learned of samples before a training, such as their scaling, is learned for each
    split anew. `positive` is that of `Split.of`.

    Raises ValueError if there are fewer samples than folds.
    """
    X, y = dataset.X_train, dataset.y_train
    shares, chosen = Shares(given.test, given.validation, given.seed), given.label is not None
    for train, held_out in _rows(y, dataset.task, given.cv, given.seed):
        part = replace(
            dataset, X_train=X[train], y_train=y[train], X_test=X[held_out], y_test=y[held_out]
        )
        split = Split.of(part, shares, chosen, positive=positive, impute=given.impute)
        yield split.balanced() if given.class_weight else split


def _rows(y: np.ndarray, task: str, count: int, seed: int) -> Iterator[tuple[_Rows, _Rows]]:
    """Yield the rows to train on and those held out, of each class alike.

    The only sample of a class is never held out: no other could teach what it is.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    several, most = np.ones(len(y), dtype=bool), len(y)
    if task == "classification":
        _, number, counts = np.unique(y, return_inverse=True, return_counts=True)
        several, most = counts[number] > 1, int(counts.max())
    if count > most:
        raise ValueError(
            f"--cv is {count}, but there are {most} training samples"
            f"{' of the largest class' if task == 'classification' else ''}: expected a number of "
            "folds up to that"
        )
    kind = StratifiedKFold if task == "classification" else KFold
    rows, lone = np.flatnonzero(several), np.flatnonzero(~several)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Of classes that are not in every fold.
        splits = list(kind(count, shuffle=True, random_state=seed).split(rows, y[rows]))
    for train, held_out in splits:
        yield np.sort(np.concatenate([rows[train], lone])), rows[held_out]
