"""Parameters of two numbers, and steps from them."""

from __future__ import annotations

from xpnet import VECTORIZED, Dense


def numbers(asarray, W, b=0.0):
    """The parameters, or the gradients, of one weight and one bias."""
    return (Dense(asarray([[W]]), asarray([[b]])),)


def after(optimizer, params, many_grads, kernels=VECTORIZED):
    """The parameters after a step of each of `many_grads`."""
    state = optimizer.init(params)
    for grads in many_grads:
        params, state = optimizer.update(params, grads, state, kernels)
    return params
