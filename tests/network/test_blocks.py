from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, leaves, random_case
from xpnet import LOOPED, value_and_grad
from xpnet.network import in_blocks

M = 7


@pytest.mark.parametrize("samples", [1, 3, M, 100])
def test_blocks_add_up_to_the_whole(options, samples):
    case = random_case(output="softmax", m=M, **options)
    got = in_blocks(samples=samples)(*case.data, **case.options)
    assert_trees_close(got, value_and_grad(*case.data, **case.options), "float64")


def test_blocks_on_every_library(xp, options):
    case = random_case(output="softmax", m=M, **options)
    there = case.on(xp)
    J, grads = in_blocks(samples=3)(*there.data, **there.options)
    assert_trees_close((J, grads), value_and_grad(*case.data, **case.options))
    assert {array.dtype for array in leaves((J, grads))} == {np.dtype("float32")}


@pytest.mark.parametrize("samples", [2, 100])
def test_blocks_of_a_stack(options, samples):
    case = random_case(stack=(2,), m=M, **options)
    got = in_blocks(samples=samples)(*case.data, **case.options)
    assert_trees_close(got, value_and_grad(*case.data, **case.options), "float64")


def test_a_block_without_weight_keeps_the_penalty_whole():
    case = random_case(m=M, weighted=True, l2=2.0)
    case.sample_weight[:, :3] = 0.0
    got = in_blocks(samples=3)(*case.data, **case.options)
    assert_trees_close(got, value_and_grad(*case.data, **case.options), "float64")


def test_threads_take_blocks_in_turn_and_change_no_bit():
    """The first block is the last to be done."""
    case, started, done = random_case(output="softmax", m=M), Barrier(3), []

    def slow_at_first(net, params, X, Y, **options):
        number = next(i for i in range(M) if (case.X[:, i] == X[:, 0]).all())
        if number < 3:
            started.wait(timeout=60)
        while number == 0 and len(done) < M - 1:
            time.sleep(0.001)
        found = value_and_grad(net, params, X, Y, **options)
        done.append(number)
        return found

    with ThreadPoolExecutor(3) as pool:
        got = in_blocks(slow_at_first, samples=1, each=pool.map)(*case.data)
    assert done[-1] == 0
    expected = in_blocks(samples=1)(*case.data)
    for array, other in zip(leaves(got), leaves(expected), strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("m", [0, M])
def test_nothing_to_learn_from_costs_nothing(m):
    case = random_case(m=m, weighted=True, l2=2.0)
    case = replace(case, sample_weight=0.0 * case.sample_weight)
    for array in leaves(in_blocks(samples=3)(*case.data, **case.options)):
        np.testing.assert_array_equal(array, 0.0)


def test_no_samples_and_no_weights():
    case = random_case(m=0)
    assert_trees_close(in_blocks()(*case.data), value_and_grad(*case.data), "float64")


def test_what_it_wraps_is_called_once_a_block():
    case = random_case(m=M, weighted=True)
    seen = []

    def noted(net, params, X, Y, **options):
        seen.append((X.shape[-1], Y.shape[-1], options["sample_weight"].shape, options["kernels"]))
        return value_and_grad(net, params, X, Y, **options)

    in_blocks(noted, 3)(*case.data, kernels=LOOPED, **case.options)
    assert seen == [(n, n, (1, n), LOOPED) for n in (3, 3, 1)]


def test_an_input_may_be_made_as_it_is_sliced():
    case = random_case(m=M)

    class Lazy:
        shape = case.X.shape

        def __getitem__(self, key):
            assert key[1].stop - key[1].start <= 3
            return case.X[key]

    got = in_blocks(samples=3)(case.net, case.params, Lazy(), case.Y)
    assert_trees_close(got, value_and_grad(*case.data), "float64")


def test_a_block_has_samples():
    with pytest.raises(
        ValueError, match=r"^samples is 0: expected a whole number, 1 or more, the c"
    ):
        in_blocks(samples=0)
