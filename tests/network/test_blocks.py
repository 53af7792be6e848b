from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.cases import assert_trees_close, leaves, random_case
from tests.network.conftest import EVERYTHING
from xpnet import value_and_grad
from xpnet.network import in_blocks


@pytest.mark.parametrize("stack", [(), (3,)], ids=["one", "stack"])
def test_blocks_add_up_to_the_whole(xp, stack, options):
    case = random_case(output="softmax", stack=stack, **options)
    there = case.on(xp, "float64")
    got = in_blocks(samples=3)(*there.data, **there.options)
    assert_trees_close(got, value_and_grad(*case.data, **case.options), "float64")


@given(m=st.integers(1, 9), samples=st.integers(1, 12), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_any_number_of_samples_in_blocks_of_any_size(m, samples, seed):
    case = random_case(m=m, seed=seed, **EVERYTHING)
    got = in_blocks(samples=samples)(*case.data, **case.options)
    assert_trees_close(got, value_and_grad(*case.data, **case.options), "float64")


def test_it_wraps_what_it_is_given():
    sizes = []

    def noting(net, params, X, Y, **options):
        sizes.append(X.shape[1])
        return value_and_grad(net, params, X, Y, **options)

    case = random_case(m=7)
    in_blocks(noting, samples=3)(*case.data)
    assert sizes == [3, 3, 1]


def test_samples_without_weight_cost_nothing():
    """Neither in one block of several, nor in all of them."""
    case = random_case(m=6, weighted=True, l2=0.3)
    weight = case.sample_weight.copy()
    weight[:, :3] = 0
    some = replace(case, sample_weight=weight)
    got = in_blocks(samples=3)(*some.data, **some.options)
    assert_trees_close(got, value_and_grad(*some.data, **some.options), "float64")
    none = replace(case, sample_weight=0 * weight)
    got = in_blocks(samples=3)(*none.data, **none.options)
    assert all((array == 0).all() for array in leaves(got))


def test_no_samples_cost_nothing():
    net, params, X, Y = random_case().data
    got = in_blocks(samples=3)(net, params, X[:, :0], Y[:, :0], l2=1.0)
    assert all((array == 0).all() for array in leaves(got))


def test_data_that_become_arrays_when_sliced():
    class OnDisk:
        def __init__(self, X):
            self.X, self.shape = X, X.shape

        def __getitem__(self, key):
            assert key[0] is Ellipsis
            return self.X[key]

    net, params, X, Y = random_case().data
    got = in_blocks(samples=3)(net, params, OnDisk(X), Y)
    assert_trees_close(got, value_and_grad(net, params, X, Y), "float64")


@pytest.mark.parametrize("weighted", [False, True])
def test_a_numpy_scalar_for_l2_keeps_the_dtype(eager_xp, weighted):
    case = random_case((3, 2), weighted=weighted).on(eager_xp)
    J, grads = in_blocks(samples=3)(
        *case.data, sample_weight=case.sample_weight, l2=np.float64(0.5)
    )
    assert all(array.dtype == case.X.dtype for array in (J, *grads[0]))


def test_a_block_has_at_least_one_column():
    with pytest.raises(ValueError, match="samples is 0: expected 1 or more"):
        in_blocks(samples=0)
