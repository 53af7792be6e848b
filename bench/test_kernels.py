"""Benchmarks of forward, backward and init, by each kind of kernels."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import xpnet
from bench import reference
from bench.case import KINDS_OF, name
from xpnet import backend

RELATIVE = 1e-4


def test_forward(case, timed):
    def forward():
        return xpnet.forward(case.net, case.params, case.X, kernels=case.kernels)

    A = backend.to_numpy(forward()[-1].A)
    for member in {0, case.networks - 1}:
        weights, X, _ = case.reference(member)
        expected = reference.probabilities(weights, X)
        np.testing.assert_allclose(A.reshape(-1, *expected.shape)[member], expected, atol=RELATIVE)
    timed("forward", forward, case.forward_flops)


def test_backward(case, timed):
    layers = xpnet.forward(case.net, case.params, case.X, kernels=case.kernels)

    def backward():
        return xpnet.backward(case.net, case.params, layers, case.X, case.Y, kernels=case.kernels)

    grads = backward()
    for member in {0, case.networks - 1}:
        weights, X, Y = case.reference(member)
        along = reference.weights_of(grads, member)
        slope = reference.slope(weights, along, X, Y)
        assert slope == pytest.approx(reference.length(along) ** 2, rel=RELATIVE)
    timed("backward", backward, case.backward_flops)


# Made on the host and then moved, without kernels: one benchmark per network.
@pytest.mark.parametrize(
    "case", [(work, "vectorized") for work in KINDS_OF], indirect=True, ids=name
)
def test_init(case, timed):
    def init():
        return case.net.init(seed=0, like=case.X)

    for (W, b), n_in in zip(init(), case.work.sizes, strict=False):
        assert np.std(backend.to_numpy(W)) == pytest.approx(sqrt(2 / n_in), rel=0.1)
        assert not backend.to_numpy(b).any()
    timed("init", init, kernels="on the host")
