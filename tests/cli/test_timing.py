from __future__ import annotations

import time

import numpy as np
import pytest

from xpnet import backend
from xpnet.cli.timing import check_agreement, interleaved_medians
from xpnet.types import Dense


def test_functions_take_turns():
    calls = []
    functions = {name: lambda name=name: calls.append(name) or () for name in "ab"}
    medians = interleaved_medians(functions, rounds=3, at_least=0.0)
    assert calls == ["a", "b"] * 4
    assert list(medians) == ["a", "b"]


def test_a_turn_is_long_enough_and_the_median_is_of_a_call():
    calls = []

    def sleep():
        calls.append(1)
        time.sleep(0.002)
        return ()

    medians = interleaved_medians({"sleep": sleep}, rounds=1, at_least=0.01)
    assert 0.002 <= medians["sleep"] < 0.1
    assert 2 <= len(calls) <= 10


def test_one_slow_turn_does_not_count():
    naps = iter([0.0, 0.001, 0.2, 0.001])
    medians = interleaved_medians(
        {"nap": lambda: time.sleep(next(naps)) or ()}, rounds=3, at_least=0.0
    )
    assert 0.001 <= medians["nap"] < 0.1


def test_every_array_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(backend, "synchronize", waited.append)
    tree = (Dense(1, 2), [Dense(3, 4)])
    interleaved_medians({"f": lambda: tree}, rounds=1, at_least=0.0)
    assert waited == [1, 2, 3, 4] * 2


def test_results_that_agree(xp):
    one = xp.asarray([1.0, 100.0])
    check_agreement({"a": (one, one), "b": (one, one + 0.001)}, 1e-3)


@pytest.mark.parametrize("wrong", [1.1, float("nan")])
def test_results_that_do_not(wrong):
    right = np.array([1.0, 2.0])
    with pytest.raises(
        ArithmeticError, match=r"b and a differ by .* 1e-03 of the largest .* work is not timed"
    ):
        check_agreement({"a": (right,), "b": (right * wrong,)}, 1e-3)
