"""Finite numbers: the parameters of a model, and the scaling of its samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xpnet.exceptions import NotFiniteError
from xpnet.types import Params

__all__ = ["check_finite"]


def check_finite(params: Params, metadata: Mapping[str, Any]) -> None:
    """Raise unless host `params` are finite, and the scaling in `metadata` applies.

    A scaling is what turns samples into inputs, ``(X - scaling_shift) / scaling_scale``.

    Raises
    ------
    NotFiniteError
        Of `params`.
    ValueError
        Of the scaling.
    """
    for number, layer in enumerate(params, 1):
        for letter, array in zip("Wb", layer, strict=True):
            wrong = array.size - np.count_nonzero(np.isfinite(array))
            if wrong:
                entries = "1 entry that is" if wrong == 1 else f"{wrong} entries that are"
                raise NotFiniteError(
                    f"{letter} of layer {number} holds {entries} NaN or infinite: expected finite "
                    "numbers, as a training has that did not diverge"
                )
    for name in ("scaling_shift", "scaling_scale"):
        _check_scaling(name, np.asarray(metadata.get(name, 1.0)))


def _check_scaling(name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in "biuf":
        return
    wrong = ~np.isfinite(array)
    if name == "scaling_scale":
        wrong |= array == 0
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(
            f"{name} holds {array.flat[place]} at {place}: expected finite numbers, and a scale "
            "that is not 0"
        )
