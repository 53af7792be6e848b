from __future__ import annotations

import math
from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest

from tests.kernels.cases import (
    Library,
    RequiringGrad,
    assert_trees_close,
    leaves,
    random_case,
    tree_leaves,
)
from tests.train.cases import unreal_gradient
from xpnet import VECTORIZED, backend, data, fit, optim, steps, value_and_grad
from xpnet.types import Batch


def taken(case, count=3, **settings):
    """The first steps on one batch, over and over."""
    settings = {"optimizer": optim.momentum(0.02), **settings}
    batches = repeat((case.X, case.Y), count)
    return list(steps(case.net, case.params, batches, **settings))


def params_and_costs(some_steps):
    return tuple((step.params, step.cost) for step in some_steps)


def noting_masks(seen):
    def gradient(*data, masks, **settings):
        seen.append(masks)
        return unreal_gradient(*data)

    return gradient


@pytest.mark.usefixtures("plain_and_fused")
def test_a_step_is_a_gradient_and_an_update(eager_xp):
    case = random_case((3, 4, 2), weighted=True, l2=0.3)
    optimizer = optim.momentum(0.1)
    params, state, expected = case.params, optimizer.init(case.params), []
    for _ in range(3):
        J, grads = value_and_grad(
            case.net, params, case.X, case.Y, sample_weight=case.sample_weight, l2=case.l2
        )
        params, state = optimizer.update(params, grads, state, VECTORIZED)
        expected.append((params, J))
    there = case.on(eager_xp)
    got = taken(there, optimizer=optimizer, sample_weight=there.sample_weight, l2=case.l2)
    assert [step.index for step in got] == [1, 2, 3]
    assert_trees_close(params_and_costs(got), tuple(expected), rtol=1e-4, atol=1e-5)
    assert got[-1].state.t == 3
    assert_trees_close(got[-1].state.moments, state.moments, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("plain_and_fused")
@pytest.mark.parametrize("make", [optim.momentum, optim.adam, optim.adamw])
def test_earlier_parameters_stay_as_they_were(eager_xp, make):
    case = random_case((3, 4, 2)).on(eager_xp)
    seen, copies = [], []
    for step in steps(*case.data[:2], repeat((case.X, case.Y), 4), optimizer=make(0.1)):
        seen.append(step.params)
        copies.append([array.copy() for array in leaves(step.params)])
    for params, copied in zip(seen, copies, strict=True):
        for array, copy in zip(leaves(params), copied, strict=True):
            np.testing.assert_array_equal(array, copy)
    assert (copies[0][0] != copies[-1][0]).any()


def test_steps_are_taken_when_asked_for():
    asked = []

    def batches():
        for number in range(3):
            asked.append(number)
            yield case.X, case.Y

    case = random_case()
    stream = steps(*case.data[:2], batches(), optimizer=optim.sgd())
    assert asked == []
    next(stream)
    assert asked == [0]
    assert len(list(stream)) == 2


def test_a_batch_may_bring_its_weights():
    case = random_case(weighted=True)
    ones = np.ones_like(case.sample_weight)
    batches = [Batch(case.X, case.Y, case.sample_weight), (case.X, case.Y)]
    optimizer = optim.sgd(0.1)
    got = list(steps(*case.data[:2], batches, optimizer=optimizer, sample_weight=ones))
    own, _ = value_and_grad(*case.data, sample_weight=case.sample_weight)
    common, _ = value_and_grad(case.net, got[0].params, case.X, case.Y, sample_weight=ones)
    assert_trees_close(tuple(step.cost for step in got), (own, common), "float64")


@pytest.mark.parametrize("dropout", [0.25, 0.5])
def test_masks_drop_units_and_keep_the_mean(eager_xp, dropout):
    case = random_case((3, 40, 40, 2), m=40).on(eager_xp)
    seen = []
    taken(case, 1, dropout=dropout, value_and_grad=noting_masks(seen))
    (masks,) = seen
    assert [tuple(mask.shape) for mask in masks] == [(40, 40), (40, 40)]
    for mask in leaves(masks):
        assert mask.dtype == np.float32
        np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - dropout)], rtol=1e-6)
        assert mask.mean() == pytest.approx(1, abs=0.08)


def test_masks_are_drawn_afresh_for_each_layer_and_step(eager_xp):
    case = random_case((3, 40, 40, 2), m=40).on(eager_xp)
    seen = []
    taken(case, 2, dropout=0.5, value_and_grad=noting_masks(seen))
    masks = [mask for step in seen for mask in leaves(step)]
    for i, mask in enumerate(masks):
        for other in masks[:i]:
            assert 0.3 < (mask == other).mean() < 0.7


def test_dropout_is_repeatable(eager_xp):
    case = random_case((3, 40, 2), m=40).on(eager_xp)
    first, again, other, none = (
        params_and_costs(taken(case, 2, **settings))
        for settings in (
            {"dropout": 0.5, "seed": 1},
            {"dropout": np.float32(0.5), "seed": 1},
            {"dropout": 0.5, "seed": 2},
            {},
        )
    )
    for array, same in zip(leaves(first), leaves(again), strict=True):
        np.testing.assert_array_equal(array, same)
    first_costs, other_costs, plain_costs = (
        [float(cost) for _, cost in some] for some in (first, other, none)
    )
    assert first_costs[0] != other_costs[0]
    assert first_costs[0] != plain_costs[0]


def test_the_output_and_the_inputs_are_never_dropped():
    """A network without hidden layers has nothing that dropout could leave out."""
    case = random_case((3, 2))
    plain, dropped = (params_and_costs(taken(case, dropout=p)) for p in (0.0, 0.9))
    assert_trees_close(dropped, plain, "float64")


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 2])
def test_a_share_of_units_that_is_none(dropout):
    message = f"^dropout is {dropout}: expected a share of units, 0 or more and below 1$"
    with pytest.raises(ValueError, match=message):
        taken(random_case(), dropout=dropout)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"value_and_grad": 5}, "value_and_grad is 5: expected a function with the signature of"),
        ({"kernels": "looped"}, "kernels is 'looped': expected a record of them"),
        ({"seed": "x"}, "seed is 'x': expected a whole number"),
        ({"l2": "x"}, "l2 is 'x': expected a number, 0 or more"),
    ],
)
def test_settings_that_are_none(settings, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        taken(random_case(), 1, **settings)


@pytest.mark.parametrize(
    ("schedule", "error", "found"),
    [
        (lambda t: "fast", TypeError, "'fast'"),
        (lambda t: None, TypeError, "None"),
        (lambda t: -1.0, ValueError, "-1.0"),
        (lambda t: float("inf"), ValueError, "inf"),
        (lambda t: 0.1 if t < 3 else float("nan"), ValueError, "nan"),
    ],
)
def test_schedules_that_return_no_rate(schedule, error, found):
    case = random_case()
    for optimizer in (optim.sgd(schedule), optim.adam(optim.warmup(schedule, 2))):
        message = r"^learning_rate at step \d, which the schedule returned, is " + found
        with pytest.raises(error, match=f"{message}: expected 0 or more, and finite"):
            taken(case, 4, optimizer=optimizer)


def test_a_stack_stays_of_as_many_networks():
    stack = random_case((3, 4, 2), stack=(2,))
    three = np.ones((3, 1, 1))
    message = r"learning_rate has shape \(3, 1, 1\), but W of layer 1 is stacked \(2,\): expected"
    for rate in (0.1 * three, lambda t: 0.1 * three):
        with pytest.raises(ValueError, match=f"^{message}"):
            taken(stack, optimizer=optim.sgd(rate))
    X = np.stack([stack.X] * 3)
    with pytest.raises(ValueError, match=r"^X has shape \(3, 3, 7\), but W of layer 1 is stacked"):
        taken(replace(stack, X=X))
    with pytest.raises(ValueError, match=r"^l2 has shape \(3, 1, 1\), but W of layer 1 is stacked"):
        taken(stack, l2=three)
    assert len(taken(stack, optimizer=optim.sgd(0.1 * three[:2]), l2=three[:2])) == 3


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5)], ids=repr)
def test_numpy_scalars_keep_the_dtype(eager_xp, number):
    case = random_case((3, 4, 2)).on(eager_xp)
    got = taken(case, optimizer=optim.adam(number), l2=number, dropout=number)
    arrays = tree_leaves(params_and_costs(got))
    assert all(array.dtype == case.X.dtype for array in arrays)


@pytest.mark.usefixtures("plain_and_fused")
def test_tensors_that_require_grad_are_read_detached():
    pytest.importorskip("torch")
    case = random_case(weighted=True).on(RequiringGrad)
    got = taken(case, sample_weight=case.sample_weight)
    assert not any(tensor.requires_grad for tensor in tree_leaves(params_and_costs(got)))


def test_a_schedule_is_asked_once_a_step():
    asked = []
    optimizer = optim.sgd(lambda t: asked.append(t) or 0.1)
    taken(random_case(), 3, optimizer=optimizer)
    assert asked == [1, 2, 3]


@pytest.mark.parametrize("rate", [-0.5, math.inf, math.nan])
def test_rates_of_a_stack_that_are_none(eager_xp, rate):
    """Read once, at the first step."""
    rates = eager_xp.asarray(np.asarray([0.1, rate]).reshape(2, 1, 1), "float64")
    case = random_case((3, 4, 2), stack=(2,)).on(eager_xp)
    with pytest.raises(ValueError, match=r"^learning_rate holds numbers from .*: expected 0 or m"):
        taken(case, optimizer=optim.sgd(lambda t: rates))


def test_rates_that_are_traced():
    jax = pytest.importorskip("jax")
    case = random_case().on(Library("jax"), "float32")

    def costs(rate):
        return [step.cost for step in taken(case, 2, optimizer=optim.sgd(lambda t: rate * t))]

    np.testing.assert_allclose(jax.jit(costs)(0.1), costs(0.1), rtol=1e-5)


def test_a_loss_of_ones_own_takes_targets_of_its_own():
    case = random_case((3, 5, 2), output="softmax")
    signs = replace(case, Y=np.where(case.Y > 0.5, 1.0, -1.0))
    with pytest.raises(ValueError, match=r"^Y holds targets from -1 to 1"):
        taken(signs)

    def hinge(net, params, X, Y, **settings):
        return value_and_grad(net, params, X, (Y + 1) / 2, **settings)

    assert len(taken(signs, value_and_grad=hinge)) == 3


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("streaming", [False, True])
def test_batches_of_a_device_that_is_not_the_current_one(second_cuda_device, streaming, dropout):
    case = random_case((3, 4, 2), m=9, weighted=True)
    there = case.on(second_cuda_device)
    if streaming:
        rows = case.X.T, case.Y.T
        batches = data.streamed(*rows, batch_size=4, seed=0, to=second_cuda_device.backend)
    else:
        rows = (data.sample_major(array) for array in (there.X, there.Y))
        weights = {"sample_weight": there.sample_weight}
        batches = data.batches(*rows, batch_size=4, seed=0, **weights)
    settings = {"optimizer": optim.adam(0.1), "l2": 0.1, "dropout": dropout}
    *_, last = steps(case.net, there.params, batches, **settings)
    assert backend.where(last.params[0].W) == "cupy on cuda:1"
    assert backend.read([last.cost, last.cost]).shape == (2,)


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.sgd,
        optim.adam,
        lambda rates: optim.adamw(1e-3, weight_decay=rates, beta1=rates),
        lambda rates: optim.clip(optim.momentum(optim.cosine(rates, 5)), 0.1),
    ],
    ids=["sgd", "adam", "other settings", "scheduled and clipped"],
)
def test_numbers_of_a_stack_on_a_device_that_is_not_the_current_one(second_cuda_device, optimizer):
    case = random_case((3, 4, 2), stack=(2,))
    there = case.on(second_cuda_device)
    numbers = backend.asarray(np.full((2, 1, 1), 0.5), like=there.X)
    settings = {"optimizer": optimizer(numbers), "l2": numbers}
    (step,) = steps(case.net, there.params, [(there.X, there.Y)], **settings)
    assert backend.where(step.params[0].W) == "cupy on cuda:1"
    result = fit(*there.data, epochs=1, **settings)
    assert backend.where(result.params[0].W) == "cupy on cuda:1"
