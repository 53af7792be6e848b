"""Preprocessing: samples encoded and scaled, labels one-hot, in training and afterwards alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.cli.training.encoding import Encoding
from xpnet.data import Classes, Dataset, Quantities, Scaling
from xpnet.types import Array


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
