"""Data split into training, validation and test samples.

Test samples are used once, after training. Of data without any they are a share, the same ones for
one seed, so that models of one file are compared on the same samples.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from xpnet.cli.training.plan import default_validation
from xpnet.cli.training.preprocessing import Preprocessing
from xpnet.data import Classes, Dataset, split
from xpnet.data.labels import check_classes
from xpnet.types import Array, Batch

_Samples: TypeAlias = tuple[np.ndarray, np.ndarray]


class Shares(NamedTuple):
    """The shares of a data set that are set aside, and the seed that chooses their samples.

    That for `validation` follows from the number of training samples where it is None.
    """

    test: float = 0.2
    validation: float | None = None
    seed: int = 0


class Split(NamedTuple):
    """Training, validation and test data: inputs ``(n_x, m)`` and targets ``(n_y, m)``."""

    preprocessing: Preprocessing
    train: Batch
    validation: Batch | None
    test: tuple[Array, Array]
    shares: Shares
    fingerprint: str

    @property
    def m(self) -> int:
        """Number of training samples."""
        return int(self.train.X.shape[-1])

    @property
    def m_validation(self) -> int:
        """Number of validation samples."""
        return int(self.validation.X.shape[-1]) if self.validation else 0

    @property
    def m_test(self) -> int:
        """Number of test samples."""
        return int(self.test[0].shape[-1])

    @property
    def n_x(self) -> int:
        """Number of inputs."""
        return int(self.train.X.shape[0])

    @property
    def n_y(self) -> int:
        """Number of classes, or 1."""
        return int(self.train.Y.shape[0])

    def balanced(self) -> Split:
        """Return the split with weights by which all classes of the training samples are alike.

        A validation sample weighs as a training sample of its class does.

        Raises ValueError of a regression.
        """
        if not isinstance(self.preprocessing.targets, Classes):
            raise ValueError(
                "--class-weight is for classes, but the labels are numbers: leave it out"
            )
        xp = array_namespace(self.train.Y)
        of_class = self.m / (self.n_y * xp.sum(self.train.Y, axis=1, keepdims=True))

        def weighted(samples: Batch) -> Batch:
            weights = xp.sum(samples.Y * of_class, axis=0, keepdims=True)
            return samples._replace(sample_weight=weights)

        validation = self.validation and weighted(self.validation)
        return self._replace(train=weighted(self.train), validation=validation)

    def sizes(self) -> str:
        """Return the numbers of samples in words."""
        return f"{self.m} training, {self.m_validation} validation, {self.m_test} test samples"

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        shares: Shares,
        label_chosen: bool = False,
        *,
        positive: bool = False,
        impute: str | None = None,
    ) -> Split:
        """Split `dataset`; the validation samples are a share of its training samples.

        `label_chosen` says whether the user has named the label column, `positive` whether targets
        must be 0 or more, `impute` how gaps are filled.

        Raises DataError if labels make no sense as classes, or there are too few samples to split.
        """
        if dataset.task == "classification":
            check_classes(dataset, label_chosen)
        (X, y), test = _train_and_test(dataset, shares.test, shares.seed)
        validating = None
        if shares.validation is None:
            shares = shares._replace(validation=default_validation(len(y)))
        if shares.validation:
            rest = Dataset(dataset.name, X, y)
            (X, y), validating = _train_and_test(rest, shares.validation, shares.seed)
        kept = replace(dataset, X_train=X, y_train=y)
        preprocessing = Preprocessing.fit(kept, positive=positive, impute=impute)
        return cls(
            preprocessing,
            Batch(*preprocessing.inputs_and_targets(X, y)),
            Batch(*preprocessing.inputs_and_targets(*validating)) if validating else None,
            preprocessing.inputs_and_targets(*test),
            shares,
            _fingerprint(dataset),
        )


def evaluation_samples(
    dataset: Dataset, trained_on: str | None, shares: Shares
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the samples and labels to evaluate on, and a description of them.

    They are the test samples if `dataset` has any, or if it is what the model was `trained_on` (a
    fingerprint), by the `shares` of the training. Otherwise they are all samples, and the
    description says that the model may have been trained on some: the file may be that of the
    training with a row added.
    """
    if dataset.X_test is None and _fingerprint(dataset) != trained_on:
        name = f"all of {dataset.name} (which may include samples that the model was trained on)"
        return dataset.X_train, dataset.y_train, name
    _, (X, y) = _train_and_test(dataset, shares.test, shares.seed)
    return X, y, f"test samples of {dataset.name}"


def evaluation_rows(dataset: Dataset, trained_on: str | None, shares: Shares) -> np.ndarray | None:
    """Return the rows of `dataset`, from 0, of `evaluation_samples`; None of a test set."""
    if dataset.X_test is not None:
        return None
    rows = np.arange(len(dataset.y_train))
    if _fingerprint(dataset) != trained_on:
        return rows
    numbered = replace(dataset, X_train=rows[:, None])
    _, (X, _) = _train_and_test(numbered, shares.test, shares.seed)
    return X[:, 0]


def _train_and_test(dataset: Dataset, share: float, seed: int) -> tuple[_Samples, _Samples]:
    """Return the training and test samples of `dataset`, which is split if it has no test ones."""
    if dataset.X_test is None or dataset.y_test is None:
        return _train_and_test(split(dataset, share, seed), share, seed)
    return (dataset.X_train, dataset.y_train), (dataset.X_test, dataset.y_test)


def _fingerprint(dataset: Dataset) -> str:
    """Return a text that is the same for the same samples and labels."""
    y = _as_formerly_read(dataset.y_train)
    return sha256(dataset.X_train.tobytes() + y.tobytes()).hexdigest()


def _as_formerly_read(y: np.ndarray) -> np.ndarray:
    """Return labels as versions that read 1.0 as 1 had them: their models stay recognised."""
    if y.dtype.kind == "U":
        try:
            return np.asarray([int(float(text)) for text in y.tolist()], dtype=np.int64)
        except (ValueError, OverflowError):
            pass  # Words.
    return y
