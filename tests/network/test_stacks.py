"""K networks with leading axes against their members, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, leaves, of_member, random_case
from tests.network.conftest import EVERYTHING
from xpnet import VECTORIZED, cost, forward, optim, value_and_grad

K = 3

OPTIMIZERS = {
    "sgd": optim.sgd,
    "momentum": optim.momentum,
    "nesterov": optim.nesterov,
    "rmsprop": optim.rmsprop,
    "adam": optim.adam,
    "adamw": optim.adamw,
    "clipped adam": lambda rate: optim.clip(optim.adam(rate), 0.1),
    "warmed up": lambda rate: optim.sgd(optim.warmup(optim.cosine(rate, 10), 3)),
}


def assert_members_agree(case, there):
    """Compare a stack, on whichever library, with its members on the host."""
    J, grads = value_and_grad(*there.data, kernels=VECTORIZED, **there.options)
    assert tuple(J.shape) == (K,)
    for k in range(K):
        alone = case.member(k)
        expected = value_and_grad(*alone.data, kernels=VECTORIZED, **alone.options)
        assert_trees_close(of_member(k, (J, grads)), expected, "float64")


def test_cost_and_gradients(output, options):
    case = random_case(output=output, stack=(K,), **options)
    assert_members_agree(case, case)


def test_cost_and_gradients_on_every_library(xp, options):
    case = random_case(output="softmax", stack=(K,), **options)
    assert_members_agree(case, case.on(xp, "float64"))


def test_data_of_each_network_its_own(output):
    case = random_case(output=output, stack=(K,))
    case = replace(case, X=np.stack([case.X, -case.X, 2 * case.X]), Y=np.stack([case.Y] * K))
    stacked = value_and_grad(*case.data)
    for k in range(K):
        expected = value_and_grad(
            case.net, of_member(k, case.params), case.X[k], case.Y[k], kernels=VECTORIZED
        )
        assert_trees_close(of_member(k, stacked), expected, "float64")


def test_two_leading_axes():
    case = random_case(stack=(2, K), weighted=True, l2=0.3)
    J, grads = value_and_grad(*case.data, **case.options)
    assert J.shape == (2, K)
    for i in range(2):
        inner = of_member(i, (case.params, case.sample_weight, case.l2))
        params, weight, l2 = inner
        expected = value_and_grad(case.net, params, case.X, case.Y, sample_weight=weight, l2=l2)
        assert_trees_close(of_member(i, (J, grads)), expected, "float64")


def test_forward_and_cost(output):
    case = random_case(output=output, stack=(K,), weighted=True, l2=0.3)
    options = {"sample_weight": case.sample_weight, "l2": case.l2}
    J, layers = cost(*case.data, **options), forward(case.net, case.params, case.X)
    for k in range(K):
        alone = case.member(k)
        options = {"sample_weight": alone.sample_weight, "l2": alone.l2}
        expected = cost(*alone.data, **options), forward(alone.net, alone.params, alone.X)
        assert_trees_close(of_member(k, (J, layers)), expected, "float64")


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_updates_with_a_rate_for_each(make):
    case = random_case(stack=(K,), **EVERYTHING)
    rates = np.asarray([0.01, 0.1, 1.0])
    trained = after_steps(case, make(rates.reshape(K, 1, 1)))
    for k in range(K):
        alone = after_steps(case.member(k), make(float(rates[k])))
        assert_trees_close(of_member(k, trained), alone, "float64")


def after_steps(case, optimizer, count=4):
    params, state = case.params, optimizer.init(case.params)
    for _ in range(count):
        _, grads = value_and_grad(case.net, params, case.X, case.Y, **case.options)
        params, state = optimizer.update(params, grads, state, VECTORIZED)
    return params, state.moments


def without_weight(case, k):
    """The stack `case`, as in a batch that holds nothing of its member k's fold."""
    weight = case.sample_weight.copy()
    weight[k] = 0
    return replace(case, sample_weight=weight)


@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_a_member_without_any_weight_costs_nothing(output, l2):
    case = random_case(output=output, stack=(K,), weighted=True, l2=l2)
    empty = without_weight(case, 1)
    J, grads = value_and_grad(*empty.data, kernels=VECTORIZED, **empty.options)
    assert all((array == 0).all() for array in leaves(of_member(1, (J, grads))))
    full = value_and_grad(*case.data, kernels=VECTORIZED, **case.options)
    for k in (0, 2):
        assert_trees_close(of_member(k, (J, grads)), of_member(k, full), "float64")


def test_a_member_without_any_weight_on_every_library(xp):
    empty = without_weight(random_case(stack=(K,), weighted=True, l2=0.7), 1)
    there = empty.on(xp, "float64")
    got = value_and_grad(*there.data, kernels=VECTORIZED, **there.options)
    expected = value_and_grad(*empty.data, kernels=VECTORIZED, **empty.options)
    assert_trees_close(got, expected, "float64")
