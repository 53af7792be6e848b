"""Libraries that compute later: nothing asks for a number before it exists."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.kernels.cases import Library, assert_trees_close, random_case
from tests.network.conftest import EVERYTHING
from xpnet import VECTORIZED, backend, forward, optim, value_and_grad


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


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.clip(optim.momentum(0.1), 0.5),
        optim.nesterov(0.1),
        optim.rmsprop(),
        optim.adam(),
        optim.adamw(),
    ],
    ids=["clipped momentum", "nesterov", "rmsprop", "adam", "adamw"],
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
