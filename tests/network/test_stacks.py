"""K networks with leading axes against their members, one by one; and how they are made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import (
    assert_trees_close,
    leaves,
    mapped,
    of_member,
    random_case,
    tree_leaves,
)
from tests.network.conftest import EVERYTHING
from xpnet import (
    VECTORIZED,
    Dense,
    Network,
    backend,
    cost,
    forward,
    optim,
    stack,
    unstack,
    value_and_grad,
)

K = 3

OPTIMIZERS = {
    **{name: kind.make for name, kind in optim.OPTIMIZERS.items()},
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


def members(library=None, dtype="float32"):
    found = [NET.init(seed, xp="numpy", dtype=dtype) for seed in range(K)]
    return found if library is None else [mapped(library.asarray, params) for params in found]


NET = Network((3, 4, 2))


def test_there_and_back(xp):
    given = members(xp)
    stacked = stack(given)
    assert [tuple(array.shape) for array in tree_leaves(stacked)] == [
        *((K, 4, 3), (K, 4, 1)),
        *((K, 2, 4), (K, 2, 1)),
    ]
    assert {type(layer) for layer in stacked} == {Dense}
    backend.check_together(stacked=stacked, given=given[0])
    again = unstack(stacked)
    assert len(again) == K
    for params, expected in zip(again, given, strict=True):
        assert {type(layer) for layer in params} == {Dense}
        assert_trees_close(params, expected, rtol=0, atol=0)


def test_a_stack_is_a_copy():
    given = members()
    stack(given)[0].W[...] = 0.0
    assert all(params[0].W.any() for params in given)


def test_stacks_of_stacks():
    given = [stack(members()), stack(members()[::-1])]
    twice = stack(iter(given))
    assert twice[0].W.shape == (2, K, 4, 3)
    assert_trees_close(unstack(twice), tuple(given), rtol=0, atol=0)


def test_plain_pairs_are_stacked_too():
    plain = [[list(layer) for layer in params] for params in members()]
    assert_trees_close(stack(plain), stack(members()), rtol=0, atol=0)


def test_what_all_networks_share_is_given_to_each():
    first, last = stack(members())
    shared = (Dense(first.W, first.b[0]), Dense(last.W[:1], last.b))
    for k, params in enumerate(unstack(shared)):
        expected = Dense(first.W[k], first.b[0]), Dense(last.W[0], last.b[k])
        assert_trees_close(params, expected, rtol=0, atol=0)


GOOD = NET.init()
OTHER = Network((3, 4, 2, 2)).init()
WIDER = Network((3, 4, 5)).init()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([], ValueError, "params_list is empty: expected the parameters of one network or more"),
        (3, TypeError, "params_list is a int: expected a list of the parameters of one network or"),
        ([GOOD, 3], TypeError, r"params_list\[1\]: params is a int: expected one pair"),
        (GOOD, TypeError, r"params_list\[0\]: params holds a ndarray for layer 1: expected a pair"),
        (
            [GOOD, OTHER],
            ValueError,
            r"params_list\[1\] has 3 layers, but params_list\[0\] has 2: expected networks of the",
        ),
        (
            [GOOD, GOOD, WIDER],
            ValueError,
            r"W of layer 2 in params_list\[2\] has shape \(5, 4\), but in params_list\[0\] it has "
            r"\(2, 4\): expected networks of the same sizes",
        ),
        (
            [GOOD, NET.init(dtype="float64")],
            TypeError,
            r"W of layer 1 in params_list\[1\] has dtype float64, but in params_list\[0\] it has "
            "float32: expected one dtype",
        ),
        (
            [GOOD, NET.init(xp="array_api_strict")],
            TypeError,
            r"params_list\[0\] lies in numpy on cpu, but params_list\[1\] in array_api_strict",
        ),
    ],
)
def test_a_member_that_does_not_fit(given, error, message):
    with pytest.raises(error, match=f"^{message}"):
        stack(given)


def test_what_is_no_stack():
    with pytest.raises(ValueError, match=r"^params are of one network, not of a stack: expected a"):
        unstack(GOOD)
    with pytest.raises(TypeError, match=r"^params is a int: expected one pair"):
        unstack(3)
    first, last = stack(members())
    with pytest.raises(ValueError, match=r"^W of layer 2 has shape \(2, 2, 4\), but W of la"):
        unstack((first, last._replace(W=last.W[:2])))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_member_without_penalty_does_without_that_of_its_huge_weights(dtype):
    """Their squares are infinite, and times 0 they would be NaN: alone it has a finite cost."""
    case = random_case(output="softmax", stack=(2,))._mapped(lambda array: array.astype(dtype))
    huge = float(np.finfo(dtype).max) / 1e3
    (W, b), *rest = case.params
    params = (Dense(W * np.asarray(huge, dtype), b), *rest)
    data, l2 = (params, case.X * 0, case.Y), np.asarray([0.0, 0.25], dtype).reshape(2, 1, 1)
    with np.errstate(over="ignore"):
        J = cost(case.net, *data, l2=l2, kernels=VECTORIZED)
        its, _ = value_and_grad(case.net, *data, l2=l2, kernels=VECTORIZED)
    alone = cost(case.net, of_member(0, params), *data[1:])
    np.testing.assert_allclose([J[0], its[0]], alone, rtol=1e-6)
    assert np.isinf([J[1], its[1]]).all()
