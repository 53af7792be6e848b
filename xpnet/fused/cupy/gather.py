"""Gathering of a shuffled batch by one kernel: samples and targets.

Gathered one by one they are three launches of about 10 µs each, which is a good part of a small
network's step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cupy

from xpnet.fused.cupy.compiler import started

OPERATION = """
    const long long column = i % (n_x + n_y);
    const long long row = i / (n_x + n_y);
    const long long chosen = order[start + row];
    if (column < n_x) {
        to_X[row * n_x + column] = X[chosen * n_x + column];
    } else {
        to_Y[row * n_y + (column - n_x)] = Y[chosen * n_y + (column - n_x)];
    }
"""
"""What entry i of the batch's rows is, those of X and of Y side by side."""

_gather = cupy.ElementwiseKernel(
    "raw T X, raw T Y, raw int64 order, int64 start, int64 n_x, int64 n_y",
    "raw T to_X, raw T to_Y",
    OPERATION,
    "xpnet_gather",
)


def gathered(arrays: Sequence[Any], order: Any, start: int, stop: int) -> Any:
    """A batch of a pair of arrays of one dtype, in one launch."""
    if not _are_a_pair(arrays, order):
        return NotImplemented
    X, Y = arrays
    rows = min(stop, order.size) - start
    to_X, to_Y = (cupy.empty((rows, array.shape[1]), array.dtype) for array in (X, Y))
    widths = X.shape[1], Y.shape[1]
    arguments = X, Y, order, start, *widths, to_X, to_Y
    started(("gather", X.dtype), lambda: _gather(*arguments, size=rows * sum(widths)))
    return to_X.T, to_Y.T


def _are_a_pair(arrays: Sequence[Any], order: Any) -> bool:
    return (
        len(arrays) == 2
        and arrays[0].dtype == arrays[1].dtype
        and arrays[0].ndim == arrays[1].ndim == 2
        and order.dtype == "int64"
    )
