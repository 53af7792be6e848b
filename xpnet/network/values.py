"""Ranges of targets, sample weights, penalties and rates: beyond them a result would be wrong.

======== ==========================================
output   targets
======== ==========================================
sigmoid  from 0 to 1
softmax  from 0 to 1, each column's sum 1
identity finite
exp      0 or more, and finite
======== ==========================================
"""

from __future__ import annotations

import math
from collections.abc import Callable

from array_api_compat import array_namespace, is_array_api_obj

from xpnet import backend
from xpnet.types import Array

__all__ = ["TARGETS", "check_finite", "check_rate", "check_values"]

TARGETS = {
    "sigmoid": (0.0, 1.0, "0 to 1"),
    "softmax": (0.0, 1.0, "0 to 1"),
    "identity": (-math.inf, math.inf, "finite numbers"),
    "exp": (0.0, math.inf, "0 or more, and finite"),
}
"""By output, between which ends its targets lie, in numbers and in words."""

SLACK = 1e-6  # of an end: probabilities computed in float32 pass it by a few roundings
SUM_SLACK = 5e-3  # of a column's sum, for each output: probabilities written with two decimals


def check_values(
    output: str,
    Y: Array,
    sample_weight: Array | None,
    l2: float | Array,
    readable: Callable[[Array], bool],
) -> None:
    """Raise unless targets, weights and penalties are in range. Waits for a device once.

    Parameters
    ----------
    output : str
        Of the network.
    Y, sample_weight, l2
        As in `xpnet.value_and_grad`, their shapes checked.
    readable : function
        Of an array, whether it may be read; the others are taken as they are.
    """
    watched = {"Y": Y, "sample_weight": sample_weight, "l2": None if type(l2) is float else l2}
    known = {name: a for name, a in watched.items() if a is not None and readable(a)}
    if output == "softmax" and "Y" in known:
        known["sums"] = _sums(Y, known.get("sample_weight"))
    ends = _ends(known)
    if "Y" in ends:
        if not all(map(math.isfinite, ends["Y"])):
            check_finite("Y", Y, "output")
        _check_targets(output, *ends["Y"])
    if "sums" in ends:
        _check_sums(min(0.5, Y.shape[-2] * SUM_SLACK), *ends["sums"])
    for name in ("sample_weight", "l2"):
        _check_weights(name, *ends.get(name, (0.0, 0.0)))


def check_rate(rate: float | Array, readable: Callable[[Array], bool]) -> None:
    """Raise unless a learning rate that is an array is 0 or more, and finite, where it is read."""
    if is_array_api_obj(rate) and readable(rate):
        _check_weights("learning_rate", *_ends({"rate": rate})["rate"])


def check_finite(name: str, array: Array, row: str) -> None:
    """Raise if an array of samples holds NaN or infinity, naming the first place. Reads it.

    Parameters
    ----------
    name : str
        Of the argument.
    array : array, shape (..., n, m)
    row : str
        What a row of it is: a feature or an output.

    Raises
    ------
    ValueError
    """
    xp = array_namespace(array)
    bad = xp.reshape(xp.any(~xp.isfinite(array), axis=-2), (-1, array.shape[-1]))
    bad = xp.astype(xp.any(bad, axis=0), xp.int32)
    if not int(xp.max(bad)):
        return
    sample = int(xp.argmax(bad))
    values = backend.to_numpy(array[..., sample]).reshape(-1).tolist()
    index, value = next((i, v) for i, v in enumerate(values) if not math.isfinite(v))
    raise ValueError(
        f"{name} holds {value} at {row} {index % array.shape[-2]} of sample {sample} (counted from "
        "0): expected finite numbers; fill such entries in, or leave those samples out"
    )


def _sums(Y: Array, sample_weight: Array | None) -> Array:
    """The sum of each column; 1 where a sample weighs nothing, as one that fills a batch up."""
    xp = array_namespace(Y)
    sums = xp.sum(Y, axis=-2, keepdims=True)
    if sample_weight is None:
        return sums
    return xp.where(sample_weight == 0, xp.ones_like(sums), sums)


def _ends(arrays: dict[str, Array]) -> dict[str, tuple[float, float]]:
    """The smallest and the largest number of each array, or NaN; of none where it is empty."""
    arrays = {name: array for name, array in arrays.items() if 0 not in array.shape}
    return dict(zip(arrays, backend.ends(list(arrays.values())), strict=True))


def _check_targets(output: str, lowest: float, highest: float) -> None:
    least, most, expected = TARGETS[output]
    if not (least - SLACK <= lowest and highest <= most + SLACK):
        raise ValueError(
            f"Y holds targets from {lowest:.9g} to {highest:.9g}: expected {expected}, as the "
            f"network's output is {output!r}; output='identity' takes any numbers"
        )


def _check_sums(slack: float, lowest: float, highest: float) -> None:
    if not (lowest >= 1.0 - slack and highest <= 1.0 + slack):
        raise ValueError(
            f"Y has columns that sum to {lowest:g} up to {highest:g}: expected 1, as the network's "
            "output is 'softmax'. Divide by Y.sum(axis=0); give samples of no class a weight of 0; "
            "classes that do not exclude one another need output='sigmoid'"
        )


def _check_weights(name: str, lowest: float, highest: float) -> None:
    if not (lowest >= 0.0 and highest < math.inf):
        raise ValueError(
            f"{name} holds numbers from {lowest:g} to {highest:g}: expected 0 or more, and finite"
        )
