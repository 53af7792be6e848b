from __future__ import annotations

from itertools import repeat

import numpy as np
import pytest

from tests.kernels.cases import (
    RequiringGrad,
    assert_trees_close,
    leaves,
    random_case,
    tree_leaves,
)
from tests.train.cases import unreal_gradient
from xpnet import VECTORIZED, optim, steps, value_and_grad
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
    assert_trees_close(got[-1].state.slots, state.slots, rtol=1e-4, atol=1e-5)


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
            {"dropout": 0.5, "seed": 1},
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


def test_the_first_batch_is_checked():
    case = random_case()
    with pytest.raises(ValueError, match=r"X has shape \(7, 3\).*pass X\.T"):
        next(steps(*case.data[:2], [(case.X.T, case.Y)], optimizer=optim.sgd()))


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
