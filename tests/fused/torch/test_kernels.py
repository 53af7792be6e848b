"""PyTorch's fused operations: inputs that are not written over, no denormal numbers."""

from __future__ import annotations

import weakref

import pytest

from tests.fused.cases import ADAM, BOTH, agreeing, for_training, random_trees, unyielding
from tests.kernels.cases import RequiringGrad, assert_trees_close, mapped, random_case
from xpnet import backend, optim, steps
from xpnet.fused import accelerate
from xpnet.kernels import VECTORIZED
from xpnet.types import Dense

torch = pytest.importorskip("torch")

TORCH = backend.resolve("torch", device="cpu", dtype="float32")


def trained(case, **settings):
    """Six steps of Adam on the whole batch."""
    batches = [(case.X, case.Y)] * 6
    *_, last = steps(case.net, case.params, batches, optimizer=optim.adam(0.05), **settings)
    return last


@pytest.mark.parametrize("hidden", ["relu", "gelu"])
def test_adam_trains_as_the_plain_kernels_do(hidden):
    case = random_case(hidden=hidden, output="softmax")
    there = case.on(RequiringGrad, "float64")
    fused, plain = (trained(there, l2=0.1, kernels=kernels) for kernels in (None, VECTORIZED))
    assert_trees_close(fused.params, plain.params, "float64")
    assert_trees_close(fused.state.moments, plain.state.moments, "float64")
    assert not any(array.requires_grad for layer in fused.params for array in layer)
    assert_trees_close(there.params, case.params, "float64")


@BOTH
@pytest.mark.parametrize("exponent", [4, 12])
def test_several_steps_at_corrected_rates(way, exponent, rng):
    """Adam's bias correction is part of the rate; torch's own must be without effect."""
    trees = mapped(torch.asarray, random_trees(rng, "adam"))
    hyperparameters = optim.adam(0.1, beta2=1 - 10.0**-exponent).hyperparameters(1)
    kernels = unyielding(TORCH, way)
    agreeing("update", kernels, "adam", *trees, dtype="float64", **hyperparameters)


@BOTH
def test_what_has_decayed_becomes_no_denormal_number(way):
    """On these processors are slow."""
    update = unyielding(TORCH, way).update
    zero, moment = ((Dense(*[torch.full((2, 3), x)] * 2),) for x in (0.0, 1e-20))
    params, m, v = zero, moment, moment
    smallest = torch.finfo(torch.float32).smallest_normal
    for _ in range(600):
        params, (m, v) = update("adam", params, zero, (m, v), **{**ADAM, "beta2": 0.8})
        for (layer,) in (m, v):
            assert all(
                float(x) == 0 or float(x) >= smallest for x in (layer.W[0, 0], layer.b[1, 2])
            )
    assert max(float(tensor.max()) for (layer,) in (m, v) for tensor in layer) < 1e-30


def test_moments_are_updated_in_place_for_one_run_alone(rng):
    """After the first step, whose moments are the caller's."""
    trees = mapped(torch.asarray, random_trees(rng, "adam"))
    _, grads, moments = trees
    for way, in_place in ((accelerate, False), (for_training, True)):
        update = unyielding(TORCH, way).update
        first = update("adam", *trees, **ADAM)
        second = update("adam", first[0], grads, first[1], **ADAM)
        for given, old, new in zip(moments, first[1], second[1], strict=True):
            assert (old[0].W is new[0].W) == in_place
            assert given[0].W is not old[0].W
        assert first[0][0].W is not second[0][0].W
        known = weakref.ref(second[1][0][0].W)
        update("adam", *trees, **ADAM)
        del first, second, old, new
        assert known() is None
