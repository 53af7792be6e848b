"""Initial parameters, sampled on the host: one seed, the same weights everywhere.

==================== ============================================== ======================
scheme               W of a layer, shape (n_out, n_in)              source
==================== ============================================== ======================
``he``               N(0, 1) · √(2 / n_in)                          He et al. 2015
``xavier``           N(0, 1) · √(1 / n_in)                          the notes' definition
``lecun``            the same                                       LeCun et al. 1998
``glorot_uniform``   U(±√(6 / (n_in + n_out)))                      Glorot & Bengio 2010
``zeros``            0                                              logistic regression
``normal(scale)``    N(0, 1) · scale                                a function: pass the result
==================== ============================================== ======================

Biases are zero. Your own scheme is a function ``(rng, n_out, n_in) -> W``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from xpnet._arguments import whole
from xpnet.types import Array, Dense, Params

Matrix: TypeAlias = npt.NDArray[np.float64]
Scheme: TypeAlias = Callable[[np.random.Generator, int, int], Matrix]


def he(rng: np.random.Generator, n_out: int, n_in: int) -> Matrix:
    """``N(0, 1) · √(2 / n_in)``."""
    return rng.standard_normal((n_out, n_in)) * math.sqrt(2.0 / n_in)


def xavier(rng: np.random.Generator, n_out: int, n_in: int) -> Matrix:
    """``N(0, 1) · √(1 / n_in)``."""
    return rng.standard_normal((n_out, n_in)) * math.sqrt(1.0 / n_in)


def glorot_uniform(rng: np.random.Generator, n_out: int, n_in: int) -> Matrix:
    """``U(±√(6 / (n_in + n_out)))``."""
    bound = math.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-bound, bound, (n_out, n_in))


def zeros(rng: np.random.Generator, n_out: int, n_in: int) -> Matrix:
    """0: for a network without hidden layers, whose units need no telling apart."""
    return np.zeros((n_out, n_in))


def normal(scale: float) -> Scheme:
    """The scheme ``N(0, 1) · scale``.

    Parameters
    ----------
    scale : float
        Standard deviation of every weight.
    """

    def scaled(rng: np.random.Generator, n_out: int, n_in: int) -> Matrix:
        return rng.standard_normal((n_out, n_in)) * scale

    return scaled


SCHEMES: Mapping[str, Scheme] = {
    "he": he,
    "xavier": xavier,
    "lecun": xavier,
    "glorot_uniform": glorot_uniform,
    "zeros": zeros,
}


def initial_params(sizes: Sequence[int], seed: int, scheme: str | Scheme) -> Params:
    """Parameters as float64 NumPy arrays, sampled layer by layer; see `Network.init`."""
    whole("seed", seed, 0)
    weights = SCHEMES.get(scheme) if isinstance(scheme, str) else scheme
    if not callable(weights):
        kind = ValueError if isinstance(scheme, str) else TypeError
        raise kind(
            f"scheme is {scheme!r}: expected one of {', '.join(SCHEMES)}, or a function "
            "(rng, n_out, n_in) -> W such as xpnet.init.normal(0.01)"
        )
    rng = np.random.default_rng(seed)
    return tuple(
        Dense(_shaped(weights(rng, n_out, n_in), n_out, n_in), np.zeros((n_out, 1)))
        for n_in, n_out in pairwise(sizes)
    )


def _shaped(W: Matrix, n_out: int, n_in: int) -> Matrix:
    """`W`, or an error if a user's scheme returned another shape."""
    if np.shape(W) != (n_out, n_in):
        raise ValueError(
            f"scheme returned a {type(W).__name__} of shape {np.shape(W)}: expected an array "
            f"({n_out}, {n_in}), which is (n_out, n_in)"
        )
    return W


def initialize_parameters_he(layer_dims: Sequence[int], seed: int = 3) -> dict[str, Matrix]:
    """He's weights as the course notes draw and name them.

    Parameters
    ----------
    layer_dims : sequence of int
        Units of each layer, the inputs first.
    seed : int, default 3
        Of the legacy `numpy.random.RandomState`, as in the notes.

    Returns
    -------
    dict
        ``W1 (n_1, n_0)``, ``b1 (n_1, 1)``, … ``WL``, ``bL``: float64 NumPy arrays.
    """
    rng = np.random.RandomState(seed)
    parameters = {}
    for number, (n_in, n_out) in enumerate(pairwise(layer_dims), 1):
        parameters[f"W{number}"] = rng.randn(n_out, n_in) * np.sqrt(2 / n_in)
        parameters[f"b{number}"] = np.zeros((n_out, 1))
    return parameters


def params_to_dict(params: Params) -> dict[str, Array]:
    """The arrays of `params` by the notes' names: ``W1, b1, … WL, bL``."""
    return {
        f"{name}{number}": array
        for number, layer in enumerate(params, 1)
        for name, array in zip(layer._fields, layer, strict=True)
    }


def params_from_dict(parameters: Mapping[str, Array]) -> Params:
    """`Params` from arrays named ``W1, b1, … WL, bL``.

    Raises
    ------
    ValueError
        If the names are not exactly those.
    TypeError
        If there are no names.
    """
    if not isinstance(parameters, Mapping):
        raise TypeError(
            f"parameters is a {type(parameters).__name__}: expected a dict of W1, b1, …, such as "
            "xpnet.params_to_dict(params) makes"
        )
    names = [f"{name}{number + 1}" for number in range(len(parameters) // 2) for name in "Wb"]
    if set(names) != set(parameters):
        raise ValueError(
            f"parameters has the keys {sorted(parameters)}: expected W1, b1, W2, b2, …, both of "
            "each layer and no layer left out"
        )
    return tuple(
        Dense(parameters[W], parameters[b]) for W, b in zip(names[::2], names[1::2], strict=True)
    )
