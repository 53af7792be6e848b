from __future__ import annotations

import numpy as np
import pytest

from tests.callbacks.cases import NET, params, value
from xpnet import evaluate, optim
from xpnet.callbacks import EarlyStopping
from xpnet.callbacks.stopping import Monitor
from xpnet.metrics import SCORES
from xpnet.types import Dense, Epoch, Result, Run

GOOD = params(0)


def rows(*costs):
    return [{"val_cost": cost} for cost in costs]


def test_it_stops_when_patience_is_over_and_restores_the_best(played):
    result, reason = played(EarlyStopping(patience=2), rows(3.0, 1.0, 2.0, 1.5, 0.1))
    assert reason == "val_cost no better for 2 epochs than 1 in epoch 2"
    assert value(result.params) == 2


def test_a_new_best_starts_patience_anew(played):
    result, reason = played(EarlyStopping(patience=2), rows(3.0, 3.5, 2.0, 2.5, 1.0, 1.5))
    assert reason is None
    assert value(result.params) == 5


def test_scores_are_best_high(played):
    accuracies = [{"val_accuracy": a} for a in (0.5, 0.9, 0.7, 0.8)]
    result, reason = played(EarlyStopping("val_accuracy", patience=2), accuracies)
    assert reason == "val_accuracy no better for 2 epochs than 0.9 in epoch 2"
    assert value(result.params) == 2


def test_each_network_of_a_stack_has_its_best_epoch_and_its_end():
    def epoch(number, *costs):
        stacked = tuple(Dense(*(np.full((3, *t.shape), number) for t in layer)) for layer in GOOD)
        return Epoch(number, NET, stacked, {"val_cost": list(costs)})

    stopping, nan = EarlyStopping(patience=2), float("nan")
    stopping.on_start(Run(NET, 9, 4, 100))
    answers = [
        stopping.on_epoch(epoch(1, 3.0, 1.0, nan)),
        stopping.on_epoch(epoch(2, 2.0, 1.5, nan)),
        stopping.on_epoch(epoch(3, 1.0, 1.5, nan)),
    ]
    kept, other = stopping.state(), EarlyStopping(patience=2)
    other.restore(kept)
    assert other.on_epoch(epoch(4, 2.0, 2.0, 2.0))[0] is None
    assert answers[:2] == [[None] * 3, [None, None, "val_cost not finite in any of 2 epochs"]]
    assert answers[2][:2] == [None, "val_cost no better for 2 epochs than 1 in epoch 1"]
    last = Result(epoch(7, 0).params, (), "all epochs done")
    assert stopping.on_end(last).params[0].W[:, 0, 0].tolist() == [3, 1, 7]
    assert other.on_end(last).params[0].W[:, 0, 0].tolist() == [3, 1, 4]


def test_without_an_epoch_the_result_stays(played):
    result, _ = played(EarlyStopping(), [])
    assert value(result.params) == -1


def test_it_can_be_used_again(played):
    stopping = EarlyStopping(patience=1)
    played(stopping, rows(0.2, 0.1))
    result, _ = played(stopping, rows(5.0, 6.0))
    assert value(result.params) == 1


def test_the_parameters_restored_are_those_of_the_best_epoch(fitted):
    X = np.random.default_rng(1).random((2, 40), dtype=np.float32)
    validation = (X, (X[:1] > X[1:]).astype(np.float32))
    # A rate of 3 makes the cost jump about, so that the best epoch is not the last.
    options = {"optimizer": optim.sgd(3.0), "validation": validation, "epochs": 30}
    result = fitted([EarlyStopping(patience=30)], **options)
    costs = [row["val_cost"] for row in result.history]
    assert min(costs) < costs[-1]
    assert evaluate(NET, result.params, *validation)["cost"] == pytest.approx(min(costs))


def test_ctrl_c_returns_the_best_too(fitted):
    class Interrupting(EarlyStopping):
        def on_epoch(self, epoch):
            super().on_epoch(epoch)
            self.best = self._params
            raise KeyboardInterrupt

    stopping = Interrupting("cost")
    result = fitted([stopping])
    assert result.stopped == "interrupted"
    assert result.params is stopping.best


@pytest.mark.parametrize("patience", [0, float("nan")])
def test_patience_out_of_range(patience):
    with pytest.raises(ValueError, match=f"patience is {patience}: expected 1 epoch or more"):
        EarlyStopping(patience=patience)


@pytest.mark.parametrize("patience", [None, "10", [10]])
def test_patience_that_is_no_number(patience):
    with pytest.raises(TypeError, match=r"^patience is .*: expected 1 epoch or more$"):
        EarlyStopping(patience=patience)


def test_a_monitor_that_is_none():
    with pytest.raises(ValueError, match=r"^monitor is None: expected one of cost, accuracy, "):
        EarlyStopping(None)


def test_a_monitor_that_was_never_a_number(played):
    _, reason = played(EarlyStopping(patience=2), rows(float("inf"), float("nan"), 1.0))
    assert reason == "val_cost not finite in any of 2 epochs"


def test_fit_without_validation_says_so(fitted):
    with pytest.raises(ValueError, match=r"'val_cost', but .* only epoch, cost, .*: choose"):
        fitted([EarlyStopping()])


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


ONE_OF = f"expected one of {', '.join(['cost', *SCORES])}, with val"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), rf"monitor is None: {ONE_OF}"),
        ((["cost"],), r"monitor is \['cost'\]: expected one of cost"),
        (("val_loss",), rf"monitor is 'val_loss': {ONE_OF}"),
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
