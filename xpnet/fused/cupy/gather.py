"""Gathering of a shuffled batch by one kernel: samples, targets and weights.

Gathered one by one they are as many launches of about 10 µs, which is a good part of a small
network's step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cupy

from xpnet.fused.cupy.compiler import started

OPERATION = """
    const long long column = i % (n_x + n_y + n_s);
    const long long row = i / (n_x + n_y + n_s);
    const long long chosen = order[row / count * m + start + row % count];
    if (column < n_x) {
        to_X[row * n_x + column] = X[chosen * n_x + column];
    } else if (column < n_x + n_y) {
        to_Y[row * n_y + (column - n_x)] = Y[chosen * n_y + (column - n_x)];
    } else {
        to_s[row * n_s + (column - n_x - n_y)] = s[chosen * n_s + (column - n_x - n_y)];
    }
"""
"""What entry i of the batch's rows is, those of X, Y and s side by side: `count` in each set."""

_gather = cupy.ElementwiseKernel(
    "raw T X, raw T Y, raw T s, raw int64 order, int64 m, int64 start, int64 count, "
    "int64 n_x, int64 n_y, int64 n_s",
    "raw T to_X, raw T to_Y, raw T to_s",
    OPERATION,
    "xpnet_gather",
)


def gathered(arrays: Sequence[Any], order: Any, start: int, stop: int) -> Any:
    """A batch of two or three arrays of one dtype, of each set of an order, in one launch."""
    if not _fit(arrays, order):
        return NotImplemented
    *sets, m = order.shape
    count = min(stop, m) - start
    widths = [array.shape[1] for array in arrays]
    to = [cupy.empty((*sets, count, width), arrays[0].dtype) for width in widths]
    # Where there are but two, the second stands for a third of no width.
    missing = 3 - len(arrays)
    numbers = m, start, count, *widths, *[0] * missing
    instead, to_instead = [arrays[-1]] * missing, [to[-1]] * missing
    arguments = *arrays, *instead, order, *numbers, *to, *to_instead
    entries = math.prod(sets) * count * sum(widths)
    started(("gather", arrays[0].dtype), lambda: _gather(*arguments, size=entries))
    return tuple(array.swapaxes(-1, -2) for array in to)


def _fit(arrays: Sequence[Any], order: Any) -> bool:
    return (
        len(arrays) <= 3
        and all(array.ndim == 2 and array.dtype == arrays[0].dtype for array in arrays)
        and order.dtype == "int64"
    )
