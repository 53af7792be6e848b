"""`fit` on a stack of networks, which share their batches and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, of_member, random_case
from tests.train.cases import M, train
from xpnet import optim

K = 3
RATES = (0.01, 0.05, 0.2)


def test_every_member_is_trained_as_if_alone(eager_xp, stack):
    rates = np.asarray(RATES).reshape(K, 1, 1)
    there = stack.on(eager_xp, "float64")
    result = train(
        there,
        optimizer=optim.clip(optim.adam(eager_xp.asarray(rates, "float64")), 0.5),
        validation=(there.X, there.Y),
    )
    for k, rate in enumerate(RATES):
        alone = train(
            stack.member(k),
            optimizer=optim.clip(optim.adam(rate), 0.5),
            validation=(stack.X, stack.Y),
        )
        assert_trees_close(of_member(k, result.params), alone.params, rtol=1e-6, atol=1e-8)
        for row, row_alone in zip(result.history, alone.history, strict=True):
            for name in ("cost", "val_cost", "val_accuracy"):
                assert row[name][k] == pytest.approx(row_alone[name], rel=1e-6)
            assert np.ravel(row["learning_rate"])[k] == rate


def test_weights_common_to_all(eager_xp, stack):
    common = stack.sample_weight[0]
    there = stack.on(eager_xp, "float64")
    result = train(there, sample_weight=eager_xp.asarray(common, "float64"))
    alone = train(stack.member(1), sample_weight=common)
    assert_trees_close(of_member(1, result.params), alone.params, "float64")
    assert result.history[0]["cost"][1] == pytest.approx(alone.history[0]["cost"])


def test_a_member_without_any_weight_stays_as_it_was(stack):
    weight = stack.sample_weight.copy()
    weight[1] = 0
    result = train(stack, sample_weight=weight)
    assert_trees_close(of_member(1, result.params), of_member(1, stack.params), "float64")
    assert [row["cost"][1] for row in result.history] == [0, 0]
    others = train(stack)
    for k in (0, 2):
        assert_trees_close(of_member(k, result.params), of_member(k, others.params), "float64")


def test_a_stack_of_stacks_has_a_cost_for_each_network():
    stack = random_case((3, 4, 2), m=M, stack=(2, 3))
    costs = train(stack).history[-1]["cost"]
    alone = train(stack.member(1).member(2))
    assert costs[1][2] == pytest.approx(alone.history[-1]["cost"])
