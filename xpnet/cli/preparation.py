"""From raw samples and labels to arrays on the device, the same in training and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.cli.entries import classes_in, numbers_in
from xpnet.data import Classes, Scaling
from xpnet.exceptions import one_line
from xpnet.network import Network
from xpnet.persist import ModelFileError
from xpnet.types import Array

__all__ = ["Preparation"]


class Preparation(NamedTuple):
    """How samples are scaled, and which class each output stands for."""

    scaling: Scaling
    classes: Classes

    @classmethod
    def of(
        cls, X: np.ndarray, y: np.ndarray, pixel_max: int | None, names: Sequence[str] = ()
    ) -> Preparation:
        """Return what the training part ``X (m, n_x)``, ``y (m,)`` asks for; errors use `names`."""
        return cls(Scaling.fit(X, pixel_max, names), Classes.of(y))

    def inputs(self, X: np.ndarray) -> Array:
        """Return samples `X` ``(m, n_x)`` scaled, as columns ``(n_x, m)`` on the device."""
        return _columns(self.scaling.apply(X, backend.default_backend().dtype))

    def pair(self, X: np.ndarray, y: np.ndarray) -> tuple[Array, Array]:
        """Return `X` as inputs, and labels `y` ``(m,)`` as one-hot columns ``(n_y, m)``."""
        return self.inputs(X), _columns(self.classes.encode(y))

    def metadata(self) -> dict[str, Any]:
        """Return what a model file keeps of this."""
        return {
            "scaling_shift": self.scaling.shift,
            "scaling_scale": self.scaling.scale,
            "classes": list(self.classes.labels),
        }

    @classmethod
    def read(cls, metadata: dict[str, Any], net: Network, where: str) -> Preparation:
        """Return what `metadata` kept; `where` names the file.

        Raises
        ------
        ModelFileError
            Where it kept nothing, or what does not fit `net`.
        """
        shift = numbers_in(metadata, "scaling_shift", where)
        scale = numbers_in(metadata, "scaling_scale", where)
        classes = classes_in(metadata, where)
        kept = (np.shape(shift), np.shape(scale), len(classes), net.output)
        expected = ((net.sizes[0],), (net.sizes[0],), net.sizes[-1], "softmax")
        if kept != expected:
            raise ModelFileError(
                f"{where} has shift, scale, classes and output {kept}: expected {expected} for "
                f"sizes {one_line(net.sizes)}; train and save the model again"
            )
        return cls(Scaling(shift, scale), Classes(classes))


def _columns(rows: np.ndarray) -> Array:
    there = backend.asarray(rows)
    return array_namespace(there).matrix_transpose(there)
