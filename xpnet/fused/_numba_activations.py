"""Hidden activations whose derivative is a quadratic of a, so that a layer keeps no Z."""

from __future__ import annotations

import numpy as np

from xpnet.fused import _numba_loops as loops
from xpnet.fused._numba_compiled import compiled
from xpnet.fused._numba_updates import DTYPES
from xpnet.types import Array

__all__ = ["KINDS", "SLOPES", "activate"]

PIECEWISE, SIGMOID, TANH, ELU = range(4)
KINDS = {
    "identity": PIECEWISE,
    "relu": PIECEWISE,
    "leaky_relu": PIECEWISE,
    "elu": ELU,
    "sigmoid": SIGMOID,
    "tanh": TANH,
}
"""The loop of each; a piecewise one is z where that is positive, and elsewhere a multiple of it."""

_SLOPES = {
    "identity": ((1, 0, 0), (1, 0, 0)),
    "relu": ((1, 0, 0), (0, 0, 0)),
    "leaky_relu": ((1, 0, 0), (0.01, 0, 0)),
    "elu": ((1, 0, 0), (1, 1, 0)),
    "sigmoid": ((0, 1, -1), (0, 1, -1)),
    "tanh": ((1, 0, -1), (1, 0, -1)),
}

SLOPES = {
    (name, dtype): np.asarray(rows, dtype) for name, rows in _SLOPES.items() for dtype in DTYPES
}
"""The coefficients of 1, a and a² in the derivative, for a > 0 and for the rest."""


@compiled
def activate(kind: int, slope: Array, Z: Array, b: Array, mask: Array | None) -> None:
    """In place: ``z ← g(z + b)``, times the mask."""
    if kind == SIGMOID:
        loops.sigmoid_forward(Z, b, mask)
    elif kind == TANH:
        loops.tanh_forward(Z, b, mask)
    elif kind == ELU:
        loops.elu_forward(Z, b, mask)
    else:
        loops.piecewise_forward(Z, b, slope[1, 0], mask)
