"""Parameters of two numbers, steps from them, and what the factories of `OPTIMIZERS` accept."""

from __future__ import annotations

from inspect import signature

import pytest

from xpnet import VECTORIZED, Dense
from xpnet.optim import OPTIMIZERS

each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def numbers(asarray, W, b=0.0):
    """The parameters, or the gradients, of one weight and one bias."""
    return (Dense(asarray([[W]]), asarray([[b]])),)


def after(optimizer, params, many_grads, kernels=VECTORIZED):
    """The parameters after a step of each of `many_grads`."""
    state = optimizer.init(params)
    for grads in many_grads:
        params, state = optimizer.update(params, grads, state, kernels)
    return params


def arguments(name):
    """The arguments of an optimiser of that name."""
    return list(signature(OPTIMIZERS[name].make).parameters)
