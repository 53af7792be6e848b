"""The optimisers' steps on NumPy arrays: stacks, unusual memory, moments updated in place."""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.fused.cases import (
    ADAM,
    BOTH,
    HYPERPARAMETERS,
    NUMPY,
    agreeing,
    assert_alike,
    for_training,
    fortran,
    from_a_file,
    random_trees,
    unyielding,
)
from tests.kernels.cases import leaves, mapped
from tests.kernels.test_updates import DECAYING, WORKED
from xpnet.fused import accelerate
from xpnet.fused.numba.updates import LOOPS
from xpnet.kernels import VECTORIZED
from xpnet.types import Dense


@BOTH
def test_memory_that_is_not_aligned_nor_to_be_written_to(way, rng):
    trees = mapped(from_a_file, random_trees(rng, "adam"))
    agreeing("update", unyielding(NUMPY, way), "adam", *trees, dtype="float64", **ADAM)


@BOTH
def test_big_endian_numbers_go_to_the_kernel_replaced(way, rng):
    trees = mapped(lambda array: array.astype(">f8"), random_trees(rng, "adam"))
    both = (way(VECTORIZED, np), VECTORIZED)
    assert_alike(*(kernels.update("adam", *trees, **ADAM) for kernels in both), "float64")


@BOTH
@pytest.mark.parametrize("stack", [(3,), (2, 3)])
@pytest.mark.parametrize(
    ("optimizer", "hyperparameters"),
    [
        ("sgd", {}),
        ("momentum", {"mu": 0.9}),
        ("adamw", {**ADAM, "decay": 0.3, "c1": 0.5, "c2": 0.25}),
        ("nadam", {**ADAM, "a": 0.3, "b": 0.6, "c2": 0.25}),
        ("lion", {"beta1": 0.9, "beta2": 0.99, "decay": 0.3}),
    ],
)
def test_a_rate_for_each_network_of_a_stack(way, optimizer, hyperparameters, stack, rng):
    trees, kernels = random_trees(rng, optimizer, stack), unyielding(NUMPY, way)
    hyperparameters = {**hyperparameters, "rate": rng.random((*stack, 1, 1))}
    agreeing("update", kernels, optimizer, *trees, dtype="float64", **hyperparameters)


@BOTH
def test_a_stack_of_no_networks_does_not_end_the_process(way, rng):
    """A whole number divided by 0 in compiled code is a signal, not an exception."""
    trees = random_trees(rng, "sgd", (0,))
    new, _ = way(VECTORIZED, np).update("sgd", *trees, rate=np.empty((0, 1, 1)))
    assert [W.shape for W, _ in new] == [W.shape for W, _ in trees[0]]


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("first", [-1e-29, 0.0, 1e-29])
def test_lion_goes_by_the_sign_of_a_moment_however_long_it_has_decayed(way, dtype, first):
    found = []
    for kernels in (way(VECTORIZED, np), VECTORIZED):
        theta, zero, m = (np.full((1, 1), value, dtype) for value in (1.0, 0.0, first))
        params, grads, moments = ((Dense(a, a),) for a in (theta, zero, m))
        state = params, (moments,)
        for _ in range(400):
            state = kernels.update(
                "lion", state[0], grads, state[1], rate=0.001, beta1=0.9, beta2=0.99, decay=0.0
            )
        found.append(leaves(state[0]))
    np.testing.assert_allclose(found[0], 1.0 - 0.4 * np.sign(first), rtol=1e-4)
    np.testing.assert_allclose(*found, rtol=1e-5)


def tree_of(number):
    array = np.full((1, 1), number, "float32")
    return (Dense(array, array),)


@BOTH
@pytest.mark.parametrize("optimizer", [name for name in LOOPS if name in {*DECAYING} - {"lion"}])
def test_what_has_decayed_is_set_to_zero(way, optimizer):
    """Just above the limit it keeps its digits; below, it is 0 and never a denormal number."""
    update = unyielding(NUMPY, way).update
    for before, after in ((4e-30, 2e-30), (1.5e-30, 0.0)):
        given = (tree_of(1.0), tree_of(0.0), (tree_of(before),) * WORKED[optimizer].moments)
        _, moments = update(optimizer, *given, **DECAYING[optimizer])
        for (layer,) in moments:
            np.testing.assert_array_equal(layer.W, np.float32(after))
            np.testing.assert_array_equal(layer.b, np.float32(after))


def test_memory_is_updated_in_place_for_training_alone(rng):
    """After the first step, whose memory is the caller's."""
    params, grads, moments = random_trees(rng, "adam")
    for way, in_place in ((accelerate, False), (for_training, True)):
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


@BOTH
@pytest.mark.parametrize("optimizer", LOOPS)
def test_weights_in_fortran_order_stay_in_it(way, optimizer, rng):
    """As a sparse X has them; moments and gradients may come in either order."""
    params, grads, moments = random_trees(rng, optimizer)
    turned = tuple(Dense(fortran(W), b) for W, b in params)
    other = tuple(Dense(fortran(W), b) for W, b in grads)
    kernels, numbers = unyielding(NUMPY, way), HYPERPARAMETERS[optimizer]
    plain, after = VECTORIZED.update(optimizer, params, grads, moments, **numbers)
    expected, _ = VECTORIZED.update(optimizer, plain, grads, after, **numbers)
    for each in (grads, other):
        held = mapped(np.copy, (turned, each, moments))
        new, kept = kernels.update(optimizer, turned, each, moments, **numbers)
        assert_alike((new, kept), (plain, after), "float64")
        assert_alike((turned, each, moments), held, "float64")
        assert all(layer.W.flags.f_contiguous for tree in (new, *kept) for layer in tree)
        again, _ = kernels.update(optimizer, new, other, kept, **numbers)
        assert_alike(again, expected, "float64")


SINGLE = np.zeros((2, 3), "float32"), np.zeros((2, 1), "float32")
UNFIT = {
    "shape of dW": (Dense(SINGLE[0][:, :2], SINGLE[1]), 0.1),
    "shape of db": (Dense(SINGLE[0], SINGLE[1][:1]), 0.1),
    "dtype of dW": (Dense(SINGLE[0].astype(float), SINGLE[1]), 0.1),
    "dtype of db": (Dense(SINGLE[0], SINGLE[1].astype(float)), 0.1),
    "rates of a stack": (Dense(*SINGLE), np.full((2, 1, 1), 0.1)),
}


@BOTH
@pytest.mark.parametrize(("layer", "rate"), UNFIT.values(), ids=UNFIT)
def test_what_does_not_fit_goes_to_the_kernel_replaced(way, layer, rate):
    """Its shapes are not looked at again."""
    update = way(replace(VECTORIZED, update=lambda *args, **kwargs: "left"), np).update
    whole = (Dense(*SINGLE),)
    assert update("momentum", whole, whole, (whole,), rate=0.1, mu=0.9) != "left"
    assert update("momentum", whole, (layer,), (whole,), rate=rate, mu=0.9) == "left"
    if isinstance(rate, float):
        assert update("momentum", (layer,), whole, (whole,), rate=rate, mu=0.9) == "left"
        assert update("momentum", whole, whole, ((),), rate=rate, mu=0.9) == "left"


@BOTH
def test_a_rate_for_each_unit_of_a_stack_goes_to_the_kernel_replaced(way):
    update = way(replace(VECTORIZED, update=lambda *args, **kwargs: "left"), np).update
    stack = (Dense(*(array[None] for array in SINGLE)),)
    assert update("sgd", stack, stack, (), rate=np.full((1, 1, 1), 0.1)) != "left"
    assert update("sgd", stack, stack, (), rate=np.full((1, 2, 1), 0.1)) == "left"
