"""Which samples train, validate and test.

A test part is used once, when training is over. Sources without one give a fifth of their samples,
always the same ones, so that models of one file are compared on one test part.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple, TypeAlias

import numpy as np

from xpnet.cli.preparation import Preparation
from xpnet.data import Dataset, split
from xpnet.data.labels import check_classes
from xpnet.types import Array

__all__ = ["Parts", "unseen"]

_Part: TypeAlias = tuple[np.ndarray, np.ndarray]

_TEST_SHARE = 0.2
_SEED = 0


class Parts(NamedTuple):
    """A dataset ready to train on: pairs of inputs ``(n_x, m)`` and targets ``(n_y, m)``."""

    preparation: Preparation
    train: tuple[Array, Array]
    validation: tuple[Array, Array] | None
    test: tuple[Array, Array]
    fingerprint: str

    @property
    def m(self) -> int:
        """Samples trained on."""
        return int(self.train[0].shape[-1])

    @property
    def m_test(self) -> int:
        """Samples kept for the test."""
        return int(self.test[0].shape[-1])

    @property
    def n_x(self) -> int:
        """Features of a sample."""
        return int(self.train[0].shape[0])

    @property
    def n_y(self) -> int:
        """Classes."""
        return int(self.train[1].shape[0])

    def sizes(self) -> str:
        """Return how many samples each part has, in words."""
        held_out = self.validation[0].shape[-1] if self.validation else 0
        return f"{self.m} training, {held_out} validation, {self.m_test} test samples"

    @classmethod
    def of(cls, dataset: Dataset, validation: float, chosen: bool = False) -> Parts:
        """Return the parts of `dataset`, the share `validation` of its training part set apart.

        `chosen` says whether the user has named the label column.

        Raises
        ------
        DataError
            Where labels make no sense as classes, or there are too few samples to set any apart.
        """
        check_classes(dataset, chosen)
        (X, y), test = _divided(dataset, _TEST_SHARE)
        held_out = None
        if validation:
            (X, y), held_out = _divided(Dataset(dataset.name, X, y), validation)
        names = dataset.columns.features if dataset.columns else ()
        preparation = Preparation.of(X, y, dataset.pixel_max, names)
        return cls(
            preparation,
            preparation.pair(X, y),
            preparation.pair(*held_out) if held_out else None,
            preparation.pair(*test),
            _fingerprint(dataset),
        )


def unseen(dataset: Dataset, trained_on: str | None) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the samples and labels to evaluate on, and words for them.

    Where the source has a test part, or is what the model was `trained_on`, that is its test part;
    of other sources it is every sample, and the words say that some may have been trained on: the
    file may be the one of the training with a row added.
    """
    if dataset.X_test is None and _fingerprint(dataset) != trained_on:
        what = f"all of {dataset.name} (which may include samples that the model was trained on)"
        return dataset.X_train, dataset.y_train, what
    _, (X, y) = _divided(dataset, _TEST_SHARE)
    return X, y, f"test part of {dataset.name}"


def _divided(dataset: Dataset, share: float) -> tuple[_Part, _Part]:
    """Return the training and test part of the source, or with `share` set apart for it."""
    if dataset.X_test is None or dataset.y_test is None:
        return _divided(split(dataset, share, _SEED), share)
    return (dataset.X_train, dataset.y_train), (dataset.X_test, dataset.y_test)


def _fingerprint(dataset: Dataset) -> str:
    """Return a text that is the same for the same samples and labels."""
    y = _as_once_read(dataset.y_train)
    return sha256(dataset.X_train.tobytes() + y.tobytes()).hexdigest()


def _as_once_read(y: np.ndarray) -> np.ndarray:
    """Return labels as the versions read them that took 1.0 for 1, whose models are still known."""
    if y.dtype.kind == "U":
        try:
            return np.asarray([int(float(text)) for text in y.tolist()], dtype=np.int64)
        except (ValueError, OverflowError):
            pass  # Words.
    return y
