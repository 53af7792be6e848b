"""First parameters: scikit-learn's draw, or one of xpnet's schemes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from xpnet import backend, init
from xpnet.types import Array, Dense, Params

__all__ = ["drawn_as_scikit_learn", "drawn_by_scheme"]


def drawn_as_scikit_learn(
    sizes: Sequence[int], activations: Sequence[str], rng: np.random.RandomState, like: Array
) -> Params:
    """Weights and biases of each layer from ``U(±√(6 / (n_in + n_out)))``, W before b.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the inputs first.
    activations : sequence of str
        One a layer, the output layer included. ``sigmoid`` has 2 in place of 6.
    rng : RandomState
    like : array
        Beside which the parameters go, in its dtype.
    """
    layers = []
    for n_in, n_out, activation in zip(sizes, sizes[1:], activations, strict=False):
        bound = math.sqrt((2.0 if activation == "sigmoid" else 6.0) / (n_in + n_out))
        W = rng.uniform(-bound, bound, (n_in, n_out))
        b = rng.uniform(-bound, bound, n_out)
        # In C order: updates are entry by entry, and gradients come in C order.
        layers.append(Dense(np.ascontiguousarray(W.T), b[:, None]))
    return _put(layers, like)


def drawn_by_scheme(
    sizes: Sequence[int], scheme: str | init.Scheme, rng: np.random.RandomState, like: Array
) -> Params:
    """Weights from a scheme of `xpnet.init`, biases 0; see `drawn_as_scikit_learn`."""
    return _put(init.draw(sizes, int(rng.randint(2**31)), scheme), like)


def _put(layers: Sequence[Dense], like: Array) -> Params:
    there = partial(backend.asarray, like=like)
    return tuple(Dense(there(W), there(b)) for W, b in layers)
