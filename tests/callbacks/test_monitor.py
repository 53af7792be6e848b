from __future__ import annotations

import pytest

from xpnet.callbacks.monitor import Monitor
from xpnet.types import Epoch


def epochs(name, values):
    return [Epoch(number, None, (), {name: value}) for number, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("name", "values", "improved"),
    [
        ("cost", [3.0, 2.0, 2.0, 2.5, 1.0], [True, True, False, False, True]),
        ("val_cost", [3.0, 2.0], [True, True]),
        ("val_accuracy", [0.5, 0.6, 0.6, 0.4, 0.7], [True, True, False, False, True]),
        ("val_r2", [-1.0, -2.0, 0.1], [True, False, True]),
        ("d2", [0.1, 0.2], [True, True]),
        ("cost", [float("nan"), 2.0, float("nan"), float("inf")], [False, True, False, False]),
    ],
)
def test_costs_are_best_low_and_scores_high(name, values, improved):
    monitor = Monitor(name)
    assert [monitor.improved(epoch) for epoch in epochs(name, values)] == improved
    assert monitor.epoch == max(number for number, best in enumerate(improved, 1) if best)
    assert monitor.best == values[monitor.epoch - 1]


def test_a_gain_up_to_min_delta_does_not_count():
    monitor = Monitor("cost", min_delta=0.5)
    gains = [monitor.improved(epoch) for epoch in epochs("cost", [3.0, 2.5, 2.25])]
    assert gains == [True, False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), r"monitor is None: expected one of cost, accuracy, r2, d2, with val"),
        ((["cost"],), r"monitor is \['cost'\]: expected one of cost"),
        (("val_loss",), r"monitor is 'val_loss': expected one of cost, accuracy, r2, d2, with val"),
        (("cost", -1.0), r"min_delta is -1.0: expected 0 or more"),
        (("cost", float("nan")), r"min_delta is nan: expected 0 or more"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Monitor(*arguments)


@pytest.mark.parametrize("min_delta", [None, "x", [0.1]])
def test_a_least_gain_that_is_no_number(min_delta):
    with pytest.raises(TypeError, match=r"^min_delta is .*: expected 0 or more$"):
        Monitor("cost", min_delta)


def test_a_column_that_the_history_has_not():
    with pytest.raises(
        ValueError,
        match="monitor is 'val_cost', but the history has only epoch, cost: choose one of these",
    ):
        Monitor("val_cost").improved(Epoch(1, None, (), {"epoch": 1, "cost": 0.5}))


def test_a_stack_has_no_single_best():
    with pytest.raises(TypeError, match="cost has 3 values, one a network"):
        Monitor("cost").improved(Epoch(1, None, (), {"cost": [0.5, 0.4, 0.3]}))
