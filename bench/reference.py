"""Reference results for the timed code, in plain NumPy and float64."""

from __future__ import annotations

import numpy as np

from xpnet.backend import to_numpy
from xpnet.types import Params

Weights = list[list[np.ndarray]]


def weights_of(params: Params, member: int) -> Weights:
    """One network's ``[W, b]`` of each layer, of a stack or alone, as float64 on the host."""
    layers = [[to_numpy(array).astype(np.float64) for array in layer] for layer in params]
    return [[array[member] if array.ndim > 2 else array for array in layer] for layer in layers]


def probabilities(weights: Weights, X: np.ndarray) -> np.ndarray:
    """ReLU, and softmax at the end: ``(n_y, m)``."""
    *hidden, (W, b) = weights
    A = X
    for W_hidden, b_hidden in hidden:
        A = np.maximum(W_hidden @ A + b_hidden, 0)
    exponentials = np.exp(W @ A + b)
    return exponentials / exponentials.sum(axis=0)


def cost(weights: Weights, X: np.ndarray, Y: np.ndarray) -> float:
    """The mean cross-entropy."""
    return -float(np.log((probabilities(weights, X) * Y).sum(axis=0)).mean())


def slope(weights: Weights, along: Weights, X: np.ndarray, Y: np.ndarray) -> float:
    """The derivative of the cost in one direction, by central differences."""
    step = 1e-6
    above, below = (
        [
            [array + move * direction for array, direction in zip(*layers, strict=True)]
            for layers in zip(weights, along, strict=True)
        ]
        for move in (step, -step)
    )
    return (cost(above, X, Y) - cost(below, X, Y)) / (2 * step)


def length(along: Weights) -> float:
    """The Euclidean norm of a direction: the slope along a gradient is its square."""
    return sum(float((array**2).sum()) for layer in along for array in layer) ** 0.5
