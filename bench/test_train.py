"""Benchmark of a whole training step: forward, backward, and Adam."""

from __future__ import annotations

from itertools import repeat

import pytest

import xpnet
from bench import reference
from bench.case import KINDS


def test_step(case, timed):
    if case.target.name == "dask":
        pytest.skip("on Dask there are kernels and gradients, and no training")
    steps = xpnet.steps(
        case.net,
        case.params,
        repeat((case.X, case.Y)),
        # Thousands of steps at a full rate would learn the one batch by heart.
        optimizer=xpnet.optim.adam(lambda t: 1e-3 / t**2),
        kernels=KINDS[case.kind].of_a_run,
    )
    first = next(steps)
    for member in {0, case.networks - 1}:
        weights, X, Y = case.reference(member)
        before = reference.cost(weights, X, Y)
        cost = first.cost if case.networks == 1 else first.cost[member]
        assert float(cost) == pytest.approx(before, rel=1e-4)
        assert reference.cost(reference.weights_of(first.params, member), X, Y) < before

    def step():
        done = next(steps)
        return done.params, done.cost

    timed("step", step, case.forward_flops + case.backward_flops)
