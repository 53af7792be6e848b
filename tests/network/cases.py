"""Public functions with one signature, for tests of the arguments that they share."""

from __future__ import annotations

from tests.kernels.cases import random_case
from xpnet import backward, forward, predict


def backward_of(net, params, X, Y, **options):
    """`backward` with the layers of the right X, as far as there are any."""
    good = random_case()
    layers = forward(good.net, good.params, good.X)
    return backward(net, params, layers, X, Y, **options)


def forward_of(net, params, X, Y, **options):
    """`forward`, which needs no targets."""
    return forward(net, params, X, **options)


def predict_of(net, params, X, Y, **options):
    """`predict`, which needs no targets."""
    return predict(net, params, X, **options)
