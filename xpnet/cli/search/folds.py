"""Folds of a search: the training samples, split as often as they are held out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TypeAlias

import numpy as np

from xpnet.backend import default_backend
from xpnet.cli.training.splits import Shares, Split
from xpnet.data import Dataset
from xpnet.data.memory import check_fits, default_limit

_Rows: TypeAlias = np.ndarray


def folds_of(given: SimpleNamespace, dataset: Dataset, *, positive: bool) -> Iterator[Split]:
    """Yield the splits of the training samples of `dataset`; test samples are those held out.

    All that is learned of samples before a training, such as their scaling, is learned for each
    split anew. `positive` is that of `Split.of`.

    Raises ValueError if there are too few samples for the folds, DataError if these take more
    memory than there may be.
    """
    X, y = dataset.X_train, dataset.y_train
    limit = default_limit() if given.max_memory is None else given.max_memory
    itemsize = np.dtype(default_backend().dtype).itemsize
    shares, chosen = Shares(given.test, given.validation, given.seed), given.label is not None
    for train, held_out in _rows(y, dataset.task, given.cv, given.seed):
        part = replace(
            dataset,
            name=f"a fold of {dataset.name}",
            X_train=X[train],
            y_train=y[train],
            X_test=X[held_out],
            y_test=y[held_out],
        )
        split = Split.of(part, shares, chosen, positive=positive, impute=given.impute)
        nbytes = given.cv * len(X) * split.n_x * itemsize
        check_fits(nbytes, limit, f"the inputs of {given.cv} folds of {dataset.name}")
        yield split.balanced() if given.class_weight else split


def _rows(y: np.ndarray, task: str, count: int, seed: int) -> Iterator[tuple[_Rows, _Rows]]:
    """Yield the rows to train on and those held out, of each class alike.

    The only sample of a class is never held out: no other could teach what it is. Of quantities two
    or more are, or they have no R2.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    several, samples, most = np.ones(len(y), dtype=bool), len(y), len(y) // 2
    if task == "classification":
        _, number, counts = np.unique(y, return_inverse=True, return_counts=True)
        several, samples = counts[number] > 1, int(counts.max())
        most = samples
    if count > most:
        of_class = " of the largest class" if task == "classification" else ""
        hint = f"a number of folds up to {most}"
        if most < 2:
            hint = "enough for 2 folds: give more samples, or a smaller --test"
        raise ValueError(
            f"--cv is {count}, but the training samples{of_class} are {samples}: expected {hint}"
        )
    kind = StratifiedKFold if task == "classification" else KFold
    rows, lone = np.flatnonzero(several), np.flatnonzero(~several)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Of classes that are not in every fold.
        splits = list(kind(count, shuffle=True, random_state=seed).split(rows, y[rows]))
    for train, held_out in splits:
        yield np.sort(np.concatenate([rows[train], lone])), rows[held_out]
