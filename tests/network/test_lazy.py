"""Libraries that compute later: nothing asks for a number before it exists."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.kernels.cases import Library, assert_trees_close, random_case
from tests.network.conftest import EVERYTHING
from xpnet import VECTORIZED, backend, cost, forward, optim, predict, steps, value_and_grad


@pytest.fixture
def no_compute():
    """Dask, forbidden to compute; a context manager, so that results can be read after it."""
    dask = pytest.importorskip("dask")

    def refuse(*args, **kwargs):
        raise AssertionError("computed before anyone asked for a result")

    return dask.config.set(scheduler=refuse)


def test_value_and_grad_under_jit(all_activations):
    jax = pytest.importorskip("jax")
    case = all_activations.on(Library("jax"), "float64")
    gradient = jax.jit(partial(value_and_grad, case.net, kernels=VECTORIZED))
    compiled = gradient(*case.data[1:], **case.options)
    assert_trees_close(compiled, value_and_grad(*all_activations.data, **all_activations.options))


@pytest.mark.parametrize(("jitted", "fused"), [(False, "0"), (True, "0"), (True, "1")])
def test_jax_differentiates_the_cost(monkeypatch, all_activations, jitted, fused):
    jax = pytest.importorskip("jax")
    monkeypatch.setenv("XPNET_FUSED", fused)
    case = all_activations.on(Library("jax"), "float64")
    s = {"sample_weight": case.sample_weight, "l2": case.l2}
    gradient = jax.grad(lambda params, X, Y: cost(case.net, params, X, Y, **s))
    got = (jax.jit(gradient) if jitted else gradient)(*case.data[1:])
    options = {**all_activations.options, "masks": None}
    assert_trees_close(got, value_and_grad(*all_activations.data, **options)[1], "float64")


def test_jax_differentiates_and_maps_what_goes_forward():
    jax = pytest.importorskip("jax")
    case = random_case(output="exp")
    net, params, X, _ = case.on(Library("jax"), "float64").data
    got = jax.jit(jax.grad(lambda X: forward(net, params, X)[-1].A.sum()))(X)
    steps = 1e-6 * np.eye(3)[:, :, None]
    plus, minus = (predict(net, case.params, case.X + sign * steps) for sign in (1, -1))
    slopes = (plus - minus).sum(axis=1) / 2e-6
    assert_trees_close(got, slopes, rtol=1e-6, atol=1e-8)
    mapped = jax.vmap(lambda X: predict(net, params, X))(jax.numpy.stack([X, 2 * X]))
    assert_trees_close(mapped[1], predict(net, case.params, 2 * case.X), "float64")


@pytest.mark.parametrize(
    "optimizer",
    [optim.clip(optim.momentum(0.1), 0.5), *(kind.make() for kind in optim.OPTIMIZERS.values())],
    ids=["clipped momentum", *optim.OPTIMIZERS],
)
def test_a_whole_step_under_jit(optimizer):
    jax = pytest.importorskip("jax")
    case = random_case(**EVERYTHING)

    def step(case, params):
        _, grads = value_and_grad(
            case.net, params, case.X, case.Y, kernels=VECTORIZED, **case.options
        )
        return optimizer.update(params, grads, optimizer.init(params), VECTORIZED)[0]

    there = case.on(Library("jax"), "float64")
    compiled = jax.jit(partial(step, there))(there.params)
    assert_trees_close(compiled, step(case, case.params), "float64")


def test_dask_computes_nothing_by_itself(all_activations, no_compute):
    expected = value_and_grad(*all_activations.data, **all_activations.options)
    case = all_activations.on(Library("dask"), "float64")
    with no_compute:
        lazy = value_and_grad(*case.data, **case.options)
        forward(case.net, case.params, case.X)
        cost(*case.data)
        next(steps(*case.data[:2], [(case.X, case.Y)], optimizer=optim.sgd(0.1)))
    assert_trees_close(lazy, expected, "float64")


def test_dask_with_samples_in_chunks(output):
    case = random_case(output=output, m=10)
    there = case.on(Library("dask"), "float64")
    X, Y = (array.rechunk((-1, 4)) for array in (there.X, there.Y))
    chunked = value_and_grad(there.net, there.params, X, Y)
    assert_trees_close(chunked, value_and_grad(*case.data), "float64")


def test_dask_is_seen_to_compute(no_compute):
    lazy = backend.asarray(np.ones((2, 2)), backend="dask")
    with no_compute, pytest.raises(AssertionError, match="computed before anyone asked"):
        float(lazy.sum())
