"""Trainings side by side: what each leaves is what it leaves alone."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close
from tests.train.together.cases import EPOCHS, assert_as_alone, kept_in, loops
from xpnet.train.together import together


def test_each_training_is_as_it_is_alone(eager_xp):
    assert_as_alone(eager_xp, "adam")


def test_more_than_go_at_once_begin_when_half_have_ended(monkeypatch):
    pytest.importorskip("numba")  # on NumPy alone, all go as one stack
    monkeypatch.setattr("xpnet.train.together.rounds.AT_ONCE", 2)
    X, made, orders = loops(np, "adam")
    going = []
    together(
        [loop.rounds(orders[: loop.run.epochs]) for loop in made],
        X,
        lambda k: nullcontext(),
        on_round=lambda numbers, waiting: going.append((numbers, waiting)),
    )
    assert going == [([0, 1], 1), ([0], 1), ([2], 0), ([2], 0), ([], 0)]


def test_one_that_outlives_those_beside_it_is_not_told_to_be_alone(unfused):
    X, (first, second, _), orders = loops(np, "sgd")
    _, (other, *_), _ = loops(np, "adam")
    told = {}
    rounds = [loop.rounds(orders[: loop.run.epochs]) for loop in (first, second, other)]
    together(rounds, X, lambda k: nullcontext(), on_alone=told.setdefault)
    assert [len(loop.history) for loop in (first, second)] == [EPOCHS, EPOCHS - 1]
    assert list(told) == [2]
    assert told[2].startswith("no other is of its form")


class NoRateError(Exception):
    pass


def no_rate_in_the_second_epoch(t):
    if t > 7:
        raise NoRateError
    return 1e-3


@pytest.mark.parametrize("rate", [no_rate_in_the_second_epoch, 1e39], ids=["schedule", "too large"])
def test_one_that_fails_leaves_the_others(eager_xp, rate, monkeypatch):
    if eager_xp.name == "numpy":
        monkeypatch.setenv("XPNET_FUSED", "0")  # so that there is a stack, too
    rates = (1e-2, 1e-3, rate)
    X, beside, orders = loops(eager_xp, "sgd", rates)
    errors = {}
    with np.errstate(all="ignore"):
        together([loop.rounds(orders) for loop in beside], X, kept_in(errors))
    assert {k: type(error) for k, error in errors.items()} == (
        {2: NoRateError} if callable(rate) else {}
    )
    _, alone, _ = loops(eager_xp, "sgd", rates)
    for found, loop in zip(beside[:2], alone, strict=False):
        assert_trees_close(found.result.params, loop.fit(orders).params, "float32")
    assert beside[2].result.stopped.startswith("failed: NoRateError" if errors else "all epochs")
