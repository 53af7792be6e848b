from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from tests.kernels.cases import Library, assert_trees_close, leaves, of_member, random_case
from tests.optim.cases import after, arguments, each_optimizer, numbers
from xpnet import LOOPED, VECTORIZED, Dense, accelerate, optim
from xpnet.kernels import UPDATES

ALIKE = {
    "adam": optim.adam(),
    "clipped twice": optim.clip(optim.clip(optim.momentum(), 0.5), 2.0),
}
BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])


def test_the_table_is_that_of_the_kernels():
    assert list(optim.OPTIMIZERS) == list(UPDATES)
    assert all(kind.make is getattr(optim, name) for name, kind in optim.OPTIMIZERS.items())


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
        (
            # 0.96^ψ = ½: μ₁, μ₂ and μ₃ are 9/16, 21/32 and 45/64; m is 1/2, then 1/8.
            optim.nadam(1.0, beta1=0.75, beta2=0.5, eps=1.0, momentum_decay=math.log(0.5, 0.96)),
            1
            - (1 * 2 + (21 / 32) / (1 - 189 / 512) / 2) / (math.sqrt(2 / 0.5) + 1)
            - ((11 / 32) / (1 - 189 / 512) * -1 + (45 / 64) / (1 - 8505 / 32768) / 8)
            / (math.sqrt(1.5 / 0.75) + 1),
        ),
        # m is 1/2, or 3/2, after the first step; it and −1 decide over the sign of the second.
        (optim.lion(0.1, weight_decay=0.0, beta1=0.5, beta2=0.75), 1 - 0.1 + 0.1),
        (optim.lion(0.1, weight_decay=0.0, beta1=0.9, beta2=0.25), 1 - 0.1 - 0.1),
        (optim.lion(0.1, weight_decay=0.5), (1 * 0.95 - 0.1) * 0.95 + 0.1),
        (optim.clip(optim.sgd(0.1), 0.5), 1 - 0.05 + 0.05),
        (optim.clip(optim.sgd(0.1), 1.5), 1 - 0.15 + 0.1),
    ],
)
def test_two_steps_worked_by_hand(kernels, optimizer, by_hand):
    asarray = partial(np.asarray, dtype="float32")
    many_grads = [numbers(asarray, g) for g in (2.0, -1.0)]
    ((W, b),) = after(optimizer, numbers(asarray, 1.0), many_grads, kernels)
    assert {W.dtype.name, b.dtype.name} == {"float32"}
    assert W.item() == pytest.approx(by_hand, rel=1e-6)
    assert b.item() == 0


@pytest.mark.parametrize("name", [n for n in optim.OPTIMIZERS if "weight_decay" in arguments(n)])
def test_weights_decay_and_biases_do_not(name):
    params, still = (numbers(np.asarray, 8.0, 8.0), numbers(np.asarray, 0.0, 0.0))
    optimizer = optim.OPTIMIZERS[name].make(0.1, weight_decay=0.5)
    ((W, b),) = after(optimizer, params, [still] * 2)
    assert (float(W[0, 0]), float(b[0, 0])) == (pytest.approx(8 * 0.95**2), 8)


@pytest.mark.parametrize("optimizer", ALIKE.values(), ids=ALIKE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_steps_alike(xp, optimizer, dtype):
    """The updates themselves are compared in the tests of the kernels."""
    here = [random_case((3, 2), seed=seed) for seed in (0, 1)]
    there = [case.on(xp, dtype).params for case in here]
    expected = after(optimizer, here[0].params, [case.params for case in here])
    got = after(optimizer, there[0], there)
    assert_trees_close(got, expected, dtype)
    assert {array.dtype for layer in got for array in layer} == {there[0][0].W.dtype}


def test_nothing_is_written_to():
    optimizer = ALIKE["clipped twice"]
    params, grads = random_case().params, random_case(seed=1).params
    state = optimizer.init(params)
    _, state = optimizer.update(params, grads, state, VECTORIZED)
    trees = (params, grads, state.moments)
    before = [array.copy() for array in leaves(trees)]
    optimizer.update(params, grads, state, VECTORIZED)
    for array, copy in zip(leaves(trees), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@each_optimizer
def test_a_state_counts_its_steps_and_has_the_moments_of_the_table(name):
    kind = optim.OPTIMIZERS[name]
    optimizer, params = kind.make(), random_case((3, 2)).params
    state = optimizer.init(params)
    for t in range(3):
        assert state.t == t
        assert len(state.moments) == kind.moments
        params, state = optimizer.update(params, params, state, VECTORIZED)


def test_moments_start_at_zero_beside_the_parameters(xp):
    params = random_case((3, 2)).on(xp).params
    for moment in optim.adam().init(params).moments:
        assert all((array == 0).all() for array in leaves(moment))
        assert {array.dtype for array in moment[0]} == {params[0].W.dtype}


def test_moments_lie_as_the_weights():
    """Or all that is computed of both would lie in C order, where a sparse X meets features."""
    (W, b), *_ = random_case((3, 2)).params
    params = (Dense(np.asfortranarray(W), b),)
    state = optim.lion().init(params)
    params, state = optim.lion().update(params, params, state, VECTORIZED)
    assert params[0].W.flags.fnc
    assert state.moments[0][0].W.flags.fnc


def test_moments_share_no_memory():
    first, second = optim.adam().init(random_case((3, 2)).params).moments
    for array in leaves(first):
        array[...] = 1
    assert all((array == 0).all() for array in leaves(second))


def every_setting(name, x):
    """An optimiser all of whose settings are `x`."""
    return optim.OPTIMIZERS[name].make(*[x] * len(arguments(name)))


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5)], ids=repr)
@pytest.mark.parametrize(
    "make",
    [
        *(partial(every_setting, name) for name in optim.OPTIMIZERS),
        lambda x: optim.clip(optim.sgd(x), x),
        lambda x: optim.sgd(optim.warmup(optim.exponential(x, x), 3)),
    ],
    ids=[*optim.OPTIMIZERS, "clipped", "scheduled"],
)
def test_numpy_scalars_keep_the_dtype(make, number):
    """They become Python's floats, which fused kernels accept too."""
    optimizer, params = make(number), random_case().on(Library("numpy")).params
    given = optimizer.hyperparameters(1)
    assert {type(n) for n in given.get("then", given).values()} == {float}
    stepped = after(optimizer, params, [params, params])
    assert {array.dtype.name for array in leaves(stepped)} == {"float32"}
    assert_trees_close(stepped, after(make(0.5), params, [params, params]))


@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, setting) for name, kind in optim.OPTIMIZERS.items() for setting in kind.per_network],
)
@pytest.mark.parametrize(
    ("library", "fuse"),
    [("numpy", lambda kernels, xp: kernels), ("numpy", accelerate), ("torch", accelerate)],
    ids=["plain", "fused", "fused on torch"],
)
def test_a_setting_for_each_network_of_a_stack(library, fuse, name, setting):
    xp = pytest.importorskip(library)
    make, values = optim.OPTIMIZERS[name].make, (0.25, 0.5)
    params, *many_grads = (
        random_case((3, 2), stack=(2,), seed=seed).on(Library(library), "float64").params
        for seed in range(4)
    )
    optimizer = make(**{setting: np.asarray(values).reshape(2, 1, 1)})
    stepped = after(optimizer, params, many_grads, fuse(VECTORIZED, xp))
    for k, value in enumerate(values):
        alone, *grads = (of_member(k, tree) for tree in (params, *many_grads))
        expected = after(make(**{setting: value}), alone, grads)
        assert_trees_close(of_member(k, stepped), expected, "float64")


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_rates_of_the_host_follow_the_parameters(xp, name):
    make, rates = optim.OPTIMIZERS[name].make, np.asarray([0.1, 0.2]).reshape(2, 1, 1)
    stack = (Dense(xp.asarray(np.ones((2, 1, 1))), xp.asarray(np.zeros((2, 1, 1)))),)
    (moved,) = after(make(rates), stack, [stack])
    assert moved.W.dtype == stack[0].W.dtype
    for k, rate in enumerate((0.1, 0.2)):
        alone = numbers(np.asarray, 1.0)
        (expected,) = after(make(rate), alone, [alone])
        np.testing.assert_allclose(xp.to_numpy(moved.W)[k], expected.W, rtol=1e-6)


def test_the_hyperparameters_of_a_late_step_are_those_of_an_average_that_has_settled():
    """They are a function of t alone, whichever steps were asked for before."""
    late = optim.nadam(beta1=0.9).hyperparameters(10**6)
    assert (late["a"], late["b"], late["c2"]) == (pytest.approx(0.1), pytest.approx(0.9), 1.0)
    nadam = optim.nadam(momentum_decay=0.5)
    for t in (50, 3, 4, 1, 400, 399):
        product = math.prod(0.9 * (1.0 - 0.5 * 0.96 ** (0.5 * i)) for i in range(1, t + 1))
        mu = 0.9 * (1.0 - 0.5 * 0.96 ** (0.5 * t))
        assert nadam.hyperparameters(t)["a"] == (1.0 - mu) / (1.0 - product)


@pytest.mark.parametrize("rate", [0.5, np.float32(0.5), optim.step(0.5, 2, 0.1)], ids=repr)
@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_the_hyperparameters_of_many_steps_are_those_of_each(name, rate):
    hyperparameters = optim.OPTIMIZERS[name].make(rate).hyperparameters
    steps = [7, 1, 2, 3, 900]
    assert hyperparameters.of_steps(steps) == [hyperparameters(t) for t in steps]
    kinds = {type(n) for numbers in hyperparameters.of_steps(steps) for n in numbers.values()}
    assert kinds == {float}
    corrected = optim.adam(rate).hyperparameters.of_steps([3])[0]["rate"]
    at_3 = rate(3) if callable(rate) else rate
    assert corrected == pytest.approx(at_3 * math.sqrt(1 - 0.999**3) / (1 - 0.9**3), rel=1e-12)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_a_schedule_that_has_no_more_rates_says_so(name):
    """Such as one that takes them from an iterator: its `StopIteration` ends no loop of ours."""
    rates = iter([0.5, 0.25])
    hyperparameters = optim.OPTIMIZERS[name].make(lambda t: next(rates)).hyperparameters
    with pytest.raises(StopIteration):
        hyperparameters.of_steps([1, 2, 3])
