"""Preprocessing: data split into training, validation and test samples, scaled, labels one-hot.

Test samples are used once, after training. Of data without any they are a share, the same ones for
one seed, so that models of one file are compared on the same samples.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import numpy as np
import typer
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.cli.options import plural
from xpnet.cli.training.encoding import Encoding
from xpnet.data import Classes, Dataset, Quantities, Scaling, split
from xpnet.data.csv import counts_rows
from xpnet.data.csv_header import is_number
from xpnet.data.labels import check_classes, may_be_classes
from xpnet.exceptions import listed, quoted
from xpnet.types import Array

_Samples: TypeAlias = tuple[np.ndarray, np.ndarray]

_FEW_NUMBERS = 5
"""Up to how many whole numbers are classes beyond doubt."""


class Preprocessing(NamedTuple):
    """Scaling of the samples, and what outputs stand for; the same in training and afterwards."""

    scaling: Scaling
    targets: Classes | Quantities
    encoding: Encoding | None = None

    @property
    def n_x(self) -> int:
        """Number of features, before any is encoded."""
        return len(self.scaling.shift) if self.encoding is None else self.encoding.n_x

    @property
    def fills_gaps(self) -> bool:
        """Whether missing values are filled, and not refused."""
        return self.encoding is not None and self.encoding.strategy is not None

    @property
    def classes(self) -> Classes | None:
        """The class of each output; None for a regression."""
        return self.targets if isinstance(self.targets, Classes) else None

    @property
    def task(self) -> str:
        """What the model was trained for."""
        return "regression" if self.classes is None else "classification"

    @classmethod
    def fit(
        cls, dataset: Dataset, *, positive: bool = False, impute: str | None = None
    ) -> Preprocessing:
        """Return that of the training samples of `dataset`.

        See `Quantities.of` for `positive`, and `Encoding` for `impute`, its strategy.
        """
        X, columns = dataset.X_train, dataset.columns
        names = columns.features if columns else ()
        encoding = Encoding.of(X, columns, impute)
        if encoding is not None and columns is not None:
            X, names = encoding.apply(X), encoding.names(columns)
        scaling = Scaling.fit(X, dataset.pixel_max, names)
        if encoding is not None:
            numbers = encoding.is_number()  # The others are 0 and 1 already.
            shift, scale = np.where(numbers, scaling.shift, 0.0), scaling.scale
            scaling = Scaling(shift, np.where(numbers, scale, 1.0))
        if dataset.task == "regression":
            quantities = Quantities.of(dataset.y_train, positive=positive)
            return cls(scaling, quantities, encoding)
        return cls(scaling, Classes.of(dataset.y_train), encoding)

    def inputs(self, X: np.ndarray) -> Array:
        """Return samples `X` ``(m, n_x)`` encoded and scaled, as columns on the device."""
        X = X if self.encoding is None else self.encoding.apply(X)
        return _as_columns(self.scaling.apply(X, backend.default_backend().dtype))

    def inputs_and_targets(self, X: np.ndarray, y: np.ndarray) -> tuple[Array, Array]:
        """Return `X` as inputs, and `y` ``(m,)`` as one-hot or scaled columns ``(n_y, m)``."""
        return self.inputs(X), _as_columns(self.targets.encode(y))


def _as_columns(rows: np.ndarray) -> Array:
    array = backend.asarray(rows)
    return array_namespace(array).matrix_transpose(array)


class Shares(NamedTuple):
    """The shares of a data set that are set aside, and the seed that chooses their samples."""

    test: float = 0.2
    validation: float = 0.1
    seed: int = 0


class Split(NamedTuple):
    """Training, validation and test data: pairs of inputs ``(n_x, m)`` and targets ``(n_y, m)``."""

    preprocessing: Preprocessing
    train: tuple[Array, Array]
    validation: tuple[Array, Array] | None
    test: tuple[Array, Array]
    shares: Shares
    fingerprint: str

    @property
    def m(self) -> int:
        """Number of training samples."""
        return int(self.train[0].shape[-1])

    @property
    def m_test(self) -> int:
        """Number of test samples."""
        return int(self.test[0].shape[-1])

    @property
    def n_x(self) -> int:
        """Number of inputs."""
        return int(self.train[0].shape[0])

    @property
    def n_y(self) -> int:
        """Number of classes, or 1."""
        return int(self.train[1].shape[0])

    def balanced_weights(self) -> Array:
        """Return a weight for each training sample ``(1, m)``, so that all classes weigh the same.

        Raises ValueError of a regression.
        """
        Y = self.train[1]
        if not isinstance(self.preprocessing.targets, Classes):
            raise ValueError(
                "--class-weight is for classes, but the labels are numbers: leave it out"
            )
        xp = array_namespace(Y)
        counts = xp.sum(Y, axis=1, keepdims=True)
        return xp.sum(Y * (self.m / (self.n_y * counts)), axis=0, keepdims=True)

    def sizes(self) -> str:
        """Return the numbers of samples in words."""
        m_validation = self.validation[0].shape[-1] if self.validation else 0
        return f"{self.m} training, {m_validation} validation, {self.m_test} test samples"

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
        if shares.validation:
            rest = Dataset(dataset.name, X, y)
            (X, y), validating = _train_and_test(rest, shares.validation, shares.seed)
        kept = replace(dataset, X_train=X, y_train=y)
        preprocessing = Preprocessing.fit(kept, positive=positive, impute=impute)
        return cls(
            preprocessing,
            preprocessing.inputs_and_targets(X, y),
            preprocessing.inputs_and_targets(*validating) if validating else None,
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


def print_table_summary(
    dataset: Dataset, *, ask_about_index: bool, told_apart: bool = False
) -> None:
    """Print the columns, header, label and classes that were found, if `dataset` is a table.

    `ask_about_index` adds the question whether a first column that counts the rows is a feature,
    and `told_apart` how to correct a task that the labels were asked for.
    """
    columns = dataset.columns
    if columns is None:
        if told_apart and dataset.task == "regression":
            typer.echo(f"{dataset.name}: {_task_in_words(dataset, told_apart)}")
        return
    header = "header" if columns.named else "no header"
    if columns.named and columns.header is None and all(map(is_number, columns.features)):
        header = "first line read as a header (--no-header)"
    facts = [
        f"{len(columns.names) + columns.indexed} columns",
        header,
        f"label {quoted(columns.names[columns.label])}",
        _task_in_words(dataset, told_apart),
    ]
    if columns.dropped:
        facts.append(f"{listed(columns.dropped)} left out")
    if columns.words:
        wordy = [name for name, of in zip(columns.features, columns.words, strict=True) if of]
        facts.append(f"words in {listed(wordy)} encoded")
    if columns.indexed:
        facts.append("first column left out, as it only numbers the rows (train --keep-index)")
    elif ask_about_index and columns.label != 0 and counts_rows(dataset.X_train[:, 0]):
        facts.append(f"first column {quoted(columns.names[0])} counts the rows: is it a feature?")
    typer.echo(f"{dataset.name}: {', '.join(facts)}")


def _task_in_words(dataset: Dataset, told_apart: bool) -> str:
    """Return how many classes or numbers the labels are and, if that is a guess, what else."""
    count = len(np.unique(dataset.y_train))
    if dataset.task == "regression":
        columns, other = dataset.columns, ""
        if told_apart and columns and columns.label != 0 and may_be_classes(dataset.X_train[:, 0]):
            other = f"; or is {quoted(columns.names[0])} the label (--label)?"
        hint = f" (--task classification if they are classes{other})" * told_apart
        return f"{plural(count, 'different number')}: regression{hint}"
    classes = f"{count} class{'es' * (count != 1)}"
    doubtful = told_apart and dataset.y_train.dtype.kind in "iu" and count > _FEW_NUMBERS
    return classes + " (--task regression if they are quantities)" * doubtful
