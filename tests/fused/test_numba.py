"""What the loops on NumPy arrays take that the other libraries' fused kernels do not."""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.fused.cases import (
    ADAM,
    agreeing,
    assert_alike,
    random_trees,
    strided,
    there_and_back,
    unyielding,
)
from tests.kernels.cases import mapped
from tests.kernels.test_dense import random_layer
from xpnet import backend
from xpnet.fused import accelerate, for_one_run
from xpnet.kernels import ACTIVATIONS, VECTORIZED
from xpnet.types import Dense

NUMPY = backend.resolve("numpy", device="cpu", dtype="float64")
BOTH = pytest.mark.parametrize("way", [accelerate, for_one_run])


@BOTH
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("stack", [(3,), (2, 3)])
@pytest.mark.parametrize("common", [True, False], ids=["common A_prev", "A_prev of its own"])
def test_a_stack_of_layers(way, activation, stack, common, rng):
    kernels = unyielding(NUMPY, way)
    given = random_layer(rng, n_out=5, n_in=7, m=11, stack=stack)
    if common:
        given = replace(given, A_prev=rng.normal(size=(7, 11)))
    for decay in (0.2, rng.random((*stack, 1, 1)), rng.random((1, 1))):
        there_and_back(kernels, activation, given, "float64", decay)


@BOTH
@pytest.mark.parametrize("stack", [(), (3,)])
def test_no_samples(way, stack, rng):
    given = random_layer(rng, m=0, stack=stack)
    kernels = unyielding(NUMPY, way)
    there_and_back(kernels, "relu", given, "float64")
    there_and_back(
        kernels, "relu", replace(given, A_prev=given.A_prev[0]) if stack else given, "float64"
    )


@BOTH
def test_a_stack_that_is_not_contiguous(way, rng):
    given = random_layer(rng, n_out=5, n_in=7, m=11, stack=(3,)).each(strided)
    there_and_back(unyielding(NUMPY, way), "relu", given, "float64", decay=0.2)


def from_a_file(array):
    """The same numbers as they lie in bytes that were read: not aligned, not to be written to."""
    return np.frombuffer(b"." + array.tobytes(), array.dtype, offset=1).reshape(array.shape)


@BOTH
def test_memory_that_is_not_aligned_nor_to_be_written_to(way, rng):
    kernels = unyielding(NUMPY, way)
    given = random_layer(rng, n_out=5, n_in=7, m=11).each(from_a_file)
    there_and_back(kernels, "relu", given, "float64", decay=0.2)
    trees = mapped(from_a_file, random_trees(rng, "adam"))
    agreeing("update", kernels, "adam", *trees, dtype="float64", **ADAM)


@BOTH
def test_big_endian_numbers_go_to_the_kernels_replaced(way, rng):
    kernels = way(VECTORIZED, np)
    given = random_layer(rng).each(lambda array: array.astype(">f8"))
    for each in (kernels, VECTORIZED):
        with pytest.raises(TypeError, match="have dtype >f8: expected float32 or float64"):
            each.dense_activation("relu", given.W, given.b, given.A_prev, given.mask)
    cost = ("softmax", given.dA, given.mask, 0.1)
    assert_alike(*(k.output_cost_backward(*cost) for k in (kernels, VECTORIZED)), "float64")
    trees = mapped(lambda array: array.astype(">f8"), random_trees(rng, "adam"))
    assert_alike(*(k.update("adam", *trees, **ADAM) for k in (kernels, VECTORIZED)), "float64")


@BOTH
@pytest.mark.parametrize("stack", [(3,), (2, 3)])
@pytest.mark.parametrize(
    ("optimizer", "hyperparameters"),
    [
        ("gradient_descent", {}),
        ("momentum", {"mu": 0.9}),
        ("adamw", {**ADAM, "decay": 0.3, "c1": 0.5, "c2": 0.25}),
    ],
)
def test_a_rate_for_each_network_of_a_stack(way, optimizer, hyperparameters, stack, rng):
    trees, kernels = random_trees(rng, optimizer, stack), unyielding(NUMPY, way)
    hyperparameters = {**hyperparameters, "rate": rng.random((*stack, 1, 1))}
    agreeing("update", kernels, optimizer, *trees, dtype="float64", **hyperparameters)


def tree_of(number):
    array = np.full((1, 1), number, "float32")
    return (Dense(array, array),)


@BOTH
@pytest.mark.parametrize(
    ("optimizer", "count", "hyperparameters"),
    [
        ("momentum", 1, {"mu": 0.5}),
        ("nesterov", 1, {"mu": 0.5}),
        ("rmsprop", 1, {"rho": 0.5, "eps": 1e-8}),
        ("adam", 2, {**ADAM, "beta1": 0.5, "beta2": 0.5}),
        ("adamw", 2, {**ADAM, "beta1": 0.5, "beta2": 0.5, "decay": 0.0, "c1": 1.0, "c2": 1.0}),
    ],
)
def test_what_has_decayed_is_set_to_zero(way, optimizer, count, hyperparameters):
    """Just above the limit it keeps its digits; below, it is 0 and never a denormal number."""
    update = unyielding(NUMPY, way).update
    hyperparameters = {**hyperparameters, "rate": 0.1}
    for before, after in ((4e-30, 2e-30), (1.5e-30, 0.0)):
        given = (tree_of(1.0), tree_of(0.0), (tree_of(before),) * count)
        _, moments = update(optimizer, *given, **hyperparameters)
        for (layer,) in moments:
            np.testing.assert_array_equal(layer.W, np.float32(after))
            np.testing.assert_array_equal(layer.b, np.float32(after))


def test_memory_is_updated_in_place_for_one_run_alone(rng):
    """After the first step, whose memory is the caller's."""
    params, grads, moments = random_trees(rng, "adam")
    for way, in_place in ((accelerate, False), (for_one_run, True)):
        update = partial(way(VECTORIZED, np).update, "adam", **ADAM)
        first = update(params, grads, moments)
        second = update(first[0], grads, first[1])
        for old, new in zip(first[1], second[1], strict=True):
            assert (old[0].W is new[0].W) == in_place
        known = weakref.ref(second[1][0][0].W)
        another = update(params, grads, moments)
        assert another[1][0][0].W is not second[1][0][0].W
        assert_alike(another, update(params, grads, moments), "float64")
        del first, second, old, new
        assert known() is None
