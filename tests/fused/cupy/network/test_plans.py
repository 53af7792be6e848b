"""How many plans a training loop makes, which give way, and what no plan may keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.fused.cupy.network.test_step import SIZES, cut, moved, plain_step, refuse, trained
from tests.kernels.cases import random_case, tree_leaves
from xpnet import optim
from xpnet.fused.cupy.network import step as steps
from xpnet.fused.cupy.network.step import MOST_PLANS, bound_plan, planned_step
from xpnet.kernels import VECTORIZED

M = 20


@pytest.fixture
def case():
    return random_case(SIZES, m=M, weighted=True, l2=0.1)


@pytest.fixture
def costs_and_plans(one_order, case):
    """``costs_and_plans(sizes)``: of batches of these sizes in turn; for which there was a plan."""

    def found(sizes: list[int]) -> list[int]:
        made: list[int] = []

        def make(driver: Any, net: Any, state: Any, moving: Any, options: Any) -> Any:
            made.append(moving.X.shape[-1])
            return bound_plan(driver, net, state, moving, options)

        there = moved(one_order, case, "float64", np.asfortranarray)
        settings = {"steps": len(sizes), "dropout": 0.3}
        step = planned_step(one_order.driver, plain_step, make)
        ours = trained(there, step, batches=cut(there, *sizes), **settings)
        theirs = trained(case, plain_step, batches=cut(case, *sizes), **settings)
        costs = [float(one_order.to_numpy(J)) for J in ours.costs]
        np.testing.assert_allclose(costs, theirs.costs, rtol=1e-9)
        return made

    return found


@pytest.mark.parametrize("forms", [MOST_PLANS, MOST_PLANS + 1, 2 * MOST_PLANS])
@pytest.mark.parametrize("times", [1, 2], ids=["each once", "each twice"])
def test_forms_in_turn_have_a_plan_each_as_long_as_there_is_room(costs_and_plans, forms, times):
    sizes = [size for size in range(1, forms + 1) for _ in range(times)] * 4
    assert costs_and_plans(sizes) == list(range(1, MOST_PLANS + 1))


def test_a_plan_that_is_long_unused_gives_way(costs_and_plans, monkeypatch):
    monkeypatch.setattr(steps, "PATIENCE", 10)
    first = list(range(1, MOST_PLANS + 1))
    made = costs_and_plans([*first, 2, *[M] * 20, 1, *[2] * 20, 3])
    # The first gives way to M when its time is over; the third to the first, as the second was
    # used again; and one that is used all along to none.
    assert made == [*first, M, 1, 3]


def test_making_plans_takes_a_small_share_of_the_steps(costs_and_plans, monkeypatch):
    monkeypatch.setattr(steps, "PATIENCE", 10 * MOST_PLANS)
    sizes = list(range(1, 2 * MOST_PLANS)) * 40
    assert len(costs_and_plans(sizes)) <= MOST_PLANS + len(sizes) / 10


def written(array: Any) -> Iterator[Any]:
    """The same array, of other numbers each time."""
    for factor in (1.0, 4.0, 0.5):
        array *= factor
        yield array


def others(array: Any) -> Iterator[Any]:
    """Another array each time, in the memory of the one before where that can be."""
    for factor in (1.0, 4.0, 2.0):
        yield array * factor


def stepped(case: Any, step: Any, penalties: Iterable[Any]) -> list[Any]:
    """Parameters and costs of a step by each of the penalties."""
    optimizer, params, moments, found = optim.sgd(0.1), case.params, (), []
    settings = {"apply": optimizer.apply, "kernels": VECTORIZED, "dropout": None}
    for l2 in penalties:
        data = params, moments, case.X, case.Y, optimizer.hyperparameters(1)
        weight = case.sample_weight
        params, moments, J = step(case.net, *data, l2=l2, sample_weight=weight, **settings)
        found += tree_leaves((params, J))
    return found


@pytest.mark.parametrize("penalties", [written, others])
@pytest.mark.parametrize("entries", [1, 3], ids=["one for all", "one for each"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_penalties_of_an_array_are_those_of_the_step(one_order, penalties, entries, weighted):
    case = random_case(SIZES, stack=(3,), weighted=weighted)
    there = moved(one_order, case, "float64")
    l2 = np.asarray([0.3, 0.1, 0.2][:entries]).reshape(-1, 1, 1)
    step = planned_step(one_order.driver, refuse)
    ours = stepped(there, step, penalties(one_order.asarray(l2, "float64")))
    theirs = stepped(case, plain_step, penalties(l2.copy()))
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one_order.to_numpy(found), expected, rtol=1e-9, atol=1e-12)


def test_a_penalty_that_is_a_view_with_gaps(one_order):
    case = random_case(SIZES, stack=(3,))
    there = moved(one_order, case, "float64")
    wide = np.asarray([0.3, 9.0, 0.1, 9.0, 0.2, 9.0]).reshape(-1, 1, 1)
    step = planned_step(one_order.driver, refuse)
    ours = stepped(there, step, (l2[::2] for l2 in written(one_order.asarray(wide, "float64"))))
    theirs = stepped(case, plain_step, (l2[::2] for l2 in written(wide.copy())))
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one_order.to_numpy(found), expected, rtol=1e-9, atol=1e-12)
