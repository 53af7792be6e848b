"""JSON form of an estimator's parameters and fitted attributes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["is_plain", "is_text", "packed", "unpacked"]

TEXT = ("U", "O", "T")
"""Kinds of arrays of names."""


def is_text(value: Any) -> bool:
    """Whether `value` is an array of names, which only NumPy has."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"


def is_plain(value: Any) -> bool:
    """Whether JSON can hold `value` once it is packed."""
    if isinstance(value, dict):
        return all(is_plain(part) for item in value.items() for part in item)
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return (
        value is None or isinstance(value, bool | int | float | str | np.generic) or is_text(value)
    )


def packed(value: Any) -> Any:
    """`value` for JSON, which has no tuples, no arrays, no keys but text and no infinity."""
    if isinstance(value, dict):
        return {"pairs": [[packed(key), packed(part)] for key, part in value.items()]}
    if is_text(value):
        return {"names": value.tolist(), "kind": value.dtype.kind}
    if isinstance(value, list | tuple):
        parts = list(map(packed, value))
        return {"tuple": parts} if isinstance(value, tuple) else parts
    value = value.item() if isinstance(value, np.generic) else value
    is_odd = isinstance(value, float) and not math.isfinite(value)
    return {"float": str(value)} if is_odd else value


def unpacked(value: Any) -> Any:
    """What `packed` packed.

    Raises
    ------
    ValueError, TypeError
        If it did not pack `value`.
    """
    if isinstance(value, list):
        return list(map(unpacked, value))
    if not isinstance(value, dict):
        return value
    if "pairs" in value:
        return {unpacked(key): unpacked(part) for key, part in value["pairs"]}
    if "tuple" in value:
        return tuple(map(unpacked, value["tuple"]))
    if "float" in value:
        return float(value["float"])
    return _names(value.get("names"), value.get("kind"))


def _names(names: Any, kind: Any) -> np.ndarray:
    # A kind may also say a width, and NumPy takes the memory for it.
    if kind not in TEXT or not isinstance(names, list):
        raise ValueError(f"names of kind {kind!r}: expected a list, of kind {', '.join(TEXT)}")
    return np.asarray(names, kind)
