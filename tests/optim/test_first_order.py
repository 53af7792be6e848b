from __future__ import annotations

import math

import numpy as np
import pytest

from tests.kernels.cases import Library, assert_trees_close, leaves, random_case
from tests.optim.cases import after, numbers
from xpnet import LOOPED, VECTORIZED, Dense, optim

OPTIMIZERS = {
    "sgd": optim.sgd(),
    "momentum": optim.momentum(),
    "nesterov": optim.nesterov(),
    "rmsprop": optim.rmsprop(),
    "adam": optim.adam(),
    "adamw": optim.adamw(),
    "clipped": optim.clip(optim.momentum(), 0.5),
    "clipped twice": optim.clip(optim.clip(optim.momentum(), 0.5), 2.0),
}
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])


def adam_by_hand(second_step):
    """W after gradients 2 and −1 from 1, at rate 1, β₁ = β₂ = 1/2, and steps by `second_step`."""
    m, v = [1.0, 0.0], [2.0, 1.5]
    return 1 - sum(second_step(t, m[t - 1], v[t - 1]) for t in (1, 2))


@BOTH
@pytest.mark.parametrize(
    ("optimizer", "by_hand"),
    [
        # Gradients of the weight: 2, then −1; it starts at 1.
        (optim.sgd(0.1), 1 - 0.2 + 0.1),
        (optim.sgd(optim.exponential(0.1, 0.5)), 1 - 0.2 + 0.05),
        (optim.momentum(0.1, mu=0.5), 1 - 0.2 + (-0.1 + 0.1)),
        (optim.nesterov(0.1, mu=0.5), 1 + (-0.1 - 0.2) + (0.5 * 0 + 0.1)),
        (
            optim.rmsprop(0.1, rho=0.5, eps=1.0),
            1 - 0.2 / (math.sqrt(2) + 1) + 0.1 / (math.sqrt(1.5) + 1),
        ),
        (
            optim.adam(1.0, beta1=0.5, beta2=0.5, eps=1.0),
            adam_by_hand(
                lambda t, m, v: math.sqrt(1 - 0.5**t) / (1 - 0.5**t) * m / (math.sqrt(v) + 1)
            ),
        ),
        (
            optim.adamw(1.0, weight_decay=0.0, beta1=0.5, beta2=0.5, eps=1.0),
            adam_by_hand(lambda t, m, v: m / (1 - 0.5**t) / (math.sqrt(v / (1 - 0.5**t)) + 1)),
        ),
        (optim.clip(optim.sgd(0.1), 0.5), 1 - 0.05 + 0.05),
        (optim.clip(optim.sgd(0.1), 1.5), 1 - 0.15 + 0.1),
    ],
)
def test_two_steps_worked_by_hand(eager_xp, kernels, optimizer, by_hand):
    params = numbers(eager_xp.asarray, 1.0)
    many_grads = [numbers(eager_xp.asarray, g) for g in (2.0, -1.0)]
    ((W, b),) = after(optimizer, params, many_grads, kernels)
    assert (W.dtype, b.dtype) == (eager_xp.xp.float32,) * 2
    assert float(W[0, 0]) == pytest.approx(by_hand, rel=1e-6)
    assert float(b[0, 0]) == 0


def test_adamw_decays_weights_alone():
    params, still = (numbers(np.asarray, 8.0, 8.0), numbers(np.asarray, 0.0, 0.0))
    ((W, b),) = after(optim.adamw(0.1, weight_decay=0.5), params, [still] * 2)
    assert (float(W[0, 0]), float(b[0, 0])) == (pytest.approx(8 * 0.95**2), 8)


@each_optimizer
def test_every_library_steps_alike(xp, optimizer):
    here = [random_case((3, 2), seed=seed) for seed in (0, 1)]
    there = [case.on(xp, "float64").params for case in here]
    expected = after(optimizer, here[0].params, [case.params for case in here])
    assert_trees_close(after(optimizer, there[0], there), expected, "float64")


@each_optimizer
@BOTH
def test_nothing_is_written_to(kernels, optimizer):
    params, grads = random_case().params, random_case(seed=1).params
    state = optimizer.init(params)
    _, state = optimizer.update(params, grads, state, kernels)
    trees = (params, grads, state.moments)
    before = [array.copy() for array in leaves(trees)]
    optimizer.update(params, grads, state, kernels)
    for array, copy in zip(leaves(trees), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@each_optimizer
def test_a_state_counts_its_steps_and_starts_at_zero(xp, optimizer):
    params = random_case((3, 2)).on(xp).params
    state = optimizer.init(params)
    assert state.t == 0
    assert all((array == 0).all() for array in leaves(state.moments))
    _, state = optimizer.update(params, params, state, VECTORIZED)
    _, state = optimizer.update(params, params, state, VECTORIZED)
    assert state.t == 2
    assert all(array.dtype == params[0].W.dtype for moment in state.moments for array in moment[0])


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5)], ids=repr)
@pytest.mark.parametrize(
    "make",
    [
        optim.sgd,
        lambda x: optim.momentum(x, mu=x),
        lambda x: optim.nesterov(x, mu=x),
        lambda x: optim.rmsprop(x, rho=x, eps=x),
        lambda x: optim.adam(x, beta1=x, beta2=x, eps=x),
        lambda x: optim.adamw(x, weight_decay=x, beta1=x, beta2=x, eps=x),
        lambda x: optim.clip(optim.sgd(x), x),
        lambda x: optim.sgd(optim.warmup(optim.exponential(x, x), 3)),
    ],
)
def test_numpy_scalars_keep_the_dtype(make, number):
    params = random_case().on(Library("numpy")).params
    stepped = after(make(number), params, [params, params])
    assert {array.dtype.name for array in leaves(stepped)} == {"float32"}
    assert_trees_close(stepped, after(make(0.5), params, [params, params]))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_rates_of_the_host_follow_the_parameters(xp, name):
    rates = np.asarray([0.1, 0.2]).reshape(2, 1, 1)
    stack = (Dense(xp.asarray(np.ones((2, 1, 1))), xp.asarray(np.zeros((2, 1, 1)))),)
    (moved,) = after(getattr(optim, name)(rates), stack, [stack])
    assert moved.W.dtype == stack[0].W.dtype
    for k, rate in enumerate((0.1, 0.2)):
        alone = numbers(np.asarray, 1.0)
        (expected,) = after(getattr(optim, name)(rate), alone, [alone])
        got = xp.to_numpy(moved.W)[k]
        np.testing.assert_allclose(got, expected.W, rtol=1e-6)
