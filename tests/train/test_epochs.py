"""Callbacks' moments, and the ends of a training."""

from __future__ import annotations

import gc
import signal
import weakref
from dataclasses import replace
from unittest import mock

import pytest

from tests.kernels.cases import assert_trees_close
from tests.train.cases import STEPS_AN_EPOCH, Heard, M, train
from xpnet import VECTORIZED, backend, value_and_grad
from xpnet.callbacks import Callback
from xpnet.train.steps import Trainer


@pytest.mark.parametrize(("moment", "number"), [("start", 0), ("step", 2), ("step", 5)])
def test_ctrl_c_returns_what_has_been_learned(case, moment, number):
    def interrupt(now, event):
        if now == moment and len(heard.steps) == number:
            raise KeyboardInterrupt

    heard = Heard(interrupt)
    result = train(case, epochs=4, callbacks=[heard])
    learned = heard.steps[-1].params if heard.steps else case.params
    assert_trees_close(result.params, learned, "float64")
    assert result.stopped == "interrupted"
    assert len(result.history) == number // STEPS_AN_EPOCH
    assert heard.moments[-1] == "end"
    assert heard.result.stopped == "interrupted"


@pytest.mark.parametrize("interrupted", [(5,), (5, 6)], ids=["once", "twice"])
def test_ctrl_c_within_a_step(case, interrupted):
    """The fifth call is a step's, the sixth checks the parameters that the fourth step left."""
    calls = []

    def gradient(*data, **settings):
        calls.append(None)
        if len(calls) in interrupted:
            raise KeyboardInterrupt
        return value_and_grad(*data, **settings)

    heard = Heard()
    result = train(case, value_and_grad=gradient, callbacks=[heard])
    assert (result.stopped, len(heard.steps), len(result.history)) == ("interrupted", 4, 1)
    assert_trees_close(result.params, heard.steps[-1].params, "float64")
    assert len(calls) == interrupted[-1] + 1


@pytest.mark.parametrize(("number", "waits"), [(1, False), (2, True)])
def test_ctrl_c_waits_for_a_run_but_the_first_which_compiles(case, number, waits, monkeypatch):
    pytest.importorskip("numba")  # else NumPy has no runs
    run, ended = Trainer.run, []

    def interrupted(self, *args):
        if len(ended) == number - 1:
            signal.raise_signal(signal.SIGINT)
        ended.append(run(self, *args))
        return ended[-1]

    monkeypatch.setattr(Trainer, "run", interrupted)
    result = train(case, epochs=9, seed=0)
    assert result.stopped == "interrupted"
    assert len(ended) == number - (not waits)


def test_a_callback_is_told_of_each_moment_in_order(case):
    heard = Heard()
    result = train(case, epochs=2, callbacks=[heard])
    assert heard.moments == ["start", *["step"] * 3, "epoch", *["step"] * 3, "epoch", "end"]
    assert heard.run == (case.net, 2, STEPS_AN_EPOCH, M, 0)
    assert [step.index for step in heard.steps] == [1, 2, 3, 4, 5, 6]
    for number, epoch in enumerate(heard.epochs, 1):
        assert (epoch.number, epoch.net) == (number, case.net)
        assert epoch.row is result.history[number - 1]
        assert epoch.params is heard.steps[STEPS_AN_EPOCH * number - 1].params
    assert heard.result == result


def test_a_callback_may_stop_and_say_why(case):
    def acting(moment, event):
        return "good enough" if moment == "epoch" and event.number == 2 else None

    first, second = Heard(acting), Heard()
    result = train(case, epochs=5, callbacks=[second, first, Heard(acting)])
    assert (result.stopped, len(result.history)) == ("good enough", 2)
    assert [len(second.epochs), len(second.steps)] == [2, 2 * STEPS_AN_EPOCH]


def test_every_callback_hears_an_epoch_that_ends_the_training(case):
    def stopping(reason):
        return Heard(lambda moment, event: reason if moment == "epoch" else None)

    first, second = stopping("A"), stopping("B")
    assert train(case, callbacks=[first, second]).stopped == "A"
    assert len(second.epochs) == 1


def test_a_callback_may_return_another_result(case):
    def other_params(moment, event):
        return event._replace(params=case.params) if moment == "end" else None

    def another_reason(moment, event):
        return event._replace(stopped=event.stopped + ", and restored") if moment == "end" else None

    result = train(case, callbacks=[Heard(other_params), Heard(another_reason)])
    assert result.params is case.params
    assert result.stopped == "all epochs done, and restored"


def test_a_callback_may_return_nothing(case):
    class Silent(Callback):
        def on_end(self, result):
            pass

    heard = Heard()
    result = train(case, callbacks=[Silent(), heard])
    assert result.stopped == "all epochs done"
    assert heard.result is result


def test_a_callback_may_return_nothing_else(case):
    class Careless(Callback):
        def on_end(self, result):
            return result.params

    with pytest.raises(
        TypeError, match=r"Careless\.on_end returned a tuple: expected None, or a Re"
    ):
        train(case, callbacks=[Careless()])


@pytest.mark.parametrize(
    ("moment", "error"),
    [
        *((moment, OSError("disk full")) for moment in ("start", "step", "epoch")),
        *(("step", error) for error in (SystemExit(1), AssertionError(), ValueError("x"))),
    ],
)
def test_whatever_a_callback_raises_all_are_told_the_end(case, moment, error):
    def failing(now, event):
        if now == moment:
            raise error

    before, culprit, after = Heard(), Heard(failing), Heard()
    with pytest.raises(type(error)) as caught:
        train(case, callbacks=[before, culprit, after])
    assert caught.value is error
    for heard in (before, culprit, after):
        assert heard.moments[-1] == "end"
        assert heard.moments.count("end") == 1
        assert heard.result.stopped == f"failed: {str(error) or 'AssertionError'}"


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), SystemExit(1)])
def test_a_callback_that_fails_at_the_end_keeps_no_other_from_its_own(case, error):
    def failing(moment, event):
        if moment == "end":
            raise error

    culprits, heard = [Heard(failing), Heard(failing)], Heard()
    with pytest.raises(type(error)) as caught:
        train(case, callbacks=[*culprits, heard])
    assert caught.value is error
    assert heard.result.stopped == "all epochs done"


def test_what_ended_the_training_is_raised_and_not_what_failed_at_its_end(case):
    def failing(moment, event):
        if moment == "epoch":
            raise RuntimeError("out of power")
        if moment == "end":
            raise OSError("disk full")

    heard = Heard()
    with pytest.raises(RuntimeError, match=r"^out of power\n") as caught:
        train(case, callbacks=[Heard(failing), heard])
    assert caught.value.__notes__ == ["A callback failed at the end, too: OSError('disk full')"]
    assert heard.result.stopped == "failed: out of power"


def test_ctrl_c_at_the_end_loses_nothing(case):
    def interrupt(moment, event):
        if moment == "end":
            raise KeyboardInterrupt

    heard = Heard()
    result = train(case, callbacks=[Heard(interrupt), heard])
    assert (result.stopped, len(result.history)) == ("interrupted", 2)
    assert result.params is heard.epochs[-1].params
    assert heard.moments[-1] == "end"


def test_a_third_ctrl_c_is_the_callers(case):
    """While the last parameters are checked, after two that were kept for the end."""

    def interrupt(moment, event):
        if moment == "step":
            raise KeyboardInterrupt

    def interrupted(*arguments):
        raise KeyboardInterrupt

    heard = Heard(interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(case, callbacks=[heard], kernels=replace(VECTORIZED, output_cost=interrupted))
    assert heard.moments[-1] == "end"


def test_a_cost_stays_on_the_device_until_it_is_asked_for(case):
    strict = backend.resolve("array_api_strict", device="device1", dtype="float64")

    class There:
        @staticmethod
        def asarray(values, dtype):
            return backend.asarray(values, backend=strict, dtype=dtype)

    heard = Heard()
    train(case.on(There, "float64"), callbacks=[heard])
    assert {backend.where(step.cost) for step in heard.steps} == {"array_api_strict on device1"}


def _set_at_the_start(hear):
    callback = Callback()
    callback.on_start = lambda run: setattr(callback, "on_step", hear)
    return callback


def _set_after_an_epoch(hear):
    callback = Callback()
    callback.on_epoch = lambda epoch: setattr(callback, "on_step", hear)
    return callback


def _mocked(make):
    def made(hear):
        callback = make()
        callback.on_step.side_effect = hear
        callback.on_epoch.return_value = callback.on_end.return_value = None
        return callback

    return made


def _patched(hear):
    callback = Callback()
    callback.on_step = mock.MagicMock(wraps=callback.on_step, side_effect=hear)
    return callback


LATE_OR_MOCKED = {
    "set at the start": _set_at_the_start,
    "set after an epoch": _set_after_an_epoch,
    "a mock": _mocked(mock.MagicMock),
    "a mock with a spec": _mocked(lambda: mock.Mock(spec=Callback)),
    "an autospec": _mocked(lambda: mock.create_autospec(Callback, instance=True)),
    "a patch": _patched,
}


@pytest.mark.parametrize("make", LATE_OR_MOCKED.values(), ids=LATE_OR_MOCKED)
@pytest.mark.usefixtures("plain_and_fused")
def test_whatever_on_step_is_by_then_is_called(case, make):
    """Also where it was the base class's when the training began, and where all attributes do."""
    heard = []
    result = train(case, callbacks=[make(lambda step: heard.append(step.index))])
    assert heard[-1] == result.steps


def test_the_steps_of_a_mock_are_not_made_in_runs(case):
    """Whoever overrides `on_step` gets every step; a mock says nothing else."""
    heard = []
    for make in (_mocked(lambda: mock.Mock(spec=Callback)), _patched):
        heard.clear()
        train(case, callbacks=[make(lambda step: heard.append(step.index))])
        assert heard == list(range(1, 2 * STEPS_AN_EPOCH + 1))


def test_a_training_that_is_over_is_freed_at_once(case):
    """Also where epochs were left: what would yield them knows the loop, and the loop them."""
    heard = Heard(lambda moment, event: "enough" if moment == "epoch" else None)
    known = weakref.ref(heard)
    gc.collect()
    gc.disable()
    try:
        result = train(case, callbacks=[heard], epochs=5)
        del heard
        assert known() is None
    finally:
        gc.enable()
    assert result.stopped == "enough"
