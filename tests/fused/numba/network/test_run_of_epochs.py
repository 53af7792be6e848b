"""Whole epochs as one run, where nobody looks at a model between them: nothing differs."""

from __future__ import annotations

import signal
import time
from functools import partialmethod
from importlib import import_module

import numpy as np
import pytest
from sklearn.base import clone

from xpnet import Checkpoints, MLPClassifier
from xpnet.callbacks import Callback
from xpnet.fused.numba.blas import routine
from xpnet.fused.numba.network.run import RunProgram
from xpnet.model_selection import GridSearchCV

STEPS = import_module("xpnet.train.steps")  # the function of that name hides the module
EPOCHS = import_module("xpnet.train.epochs")

pytestmark = [
    pytest.mark.skipif(
        routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
    ),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

M, BATCH_SIZE, STEPS_AN_EPOCH = 53, 8, 7


@pytest.fixture
def data(rng):
    return rng.standard_normal((M, 5)).astype("float32"), rng.integers(3, size=M)


@pytest.fixture
def epochs_in_runs(monkeypatch):
    """How many epochs each run was of, where there were some; as long as may be."""
    lengths, run = [], STEPS.Trainer.run_of_epochs

    def noted(trainer, epochs, count):
        lengths.append(len(epochs))
        return run(trainer, epochs, count)

    monkeypatch.setattr(STEPS.Trainer, "run_of_epochs", noted)
    monkeypatch.setattr(EPOCHS, "SECONDS", 1e9)
    return lengths


def model(**settings):
    options = {"max_iter": 30, "tol": 0.0, "n_iter_no_change": 99, "random_state": 0, **settings}
    return MLPClassifier((7,), batch_size=BATCH_SIZE, **options)


def assert_as_one_by_one(fitted, data, weight=None):
    """To the bit. A callback sees each epoch."""
    expected = clone(fitted).set_params(callbacks=[Callback()]).fit(*data, weight)
    assert (fitted.n_iter_, fitted.t_, fitted.stopped_) == (
        *(expected.n_iter_, expected.t_, expected.stopped_),
    )
    assert fitted.loss_curve_ == expected.loss_curve_
    for coef, other in zip(fitted.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(coef, other)


SETTINGS = {
    "adam": {},
    "momentum": {"solver": "sgd"},
    "dropout": {"dropout": 0.3},
    "penalty": {"alpha": 0.1},
    "patience": {"tol": 0.02, "n_iter_no_change": 3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 2},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_epochs_of_one_run_are_those_one_by_one(settings, data, epochs_in_runs):
    fitted = model(**settings).fit(*data)
    assert max(epochs_in_runs) > 1
    assert 1 + sum(epochs_in_runs) <= fitted.n_iter_  # the others were alone
    assert_as_one_by_one(fitted, data)


def test_samples_have_weights(data, epochs_in_runs, rng):
    weight = rng.random(M).astype("float32")
    fitted = model().fit(*data, weight)
    assert epochs_in_runs == [16, 13]
    assert_as_one_by_one(fitted, data, weight)


@pytest.mark.parametrize("length", [1, 3, STEPS_AN_EPOCH, 2 * STEPS_AN_EPOCH + 3])
def test_a_run_is_cut_anywhere(length, data, epochs_in_runs, monkeypatch):
    """As in a trial of threads; the last batch of an epoch is short."""

    def parts(program, steps, m):
        return [(slice(k, min(k + length, steps)), 1) for k in range(0, steps, length)]

    monkeypatch.setattr(RunProgram, "parts", parts)
    fitted = model().fit(*data)
    monkeypatch.undo()
    assert epochs_in_runs == [16, 13]
    assert_as_one_by_one(fitted, data)


def test_what_was_fitted_goes_on(data, epochs_in_runs):
    """The optimiser's moments are those after the last step."""
    fitted = model().fit(*data)
    expected = model(callbacks=[Callback()]).fit(*data)
    for each in (fitted, expected):
        each.partial_fit(*data)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize(
    "settings",
    [{"callbacks": [Callback()]}, {"verbose": True}, {"early_stopping": True}],
    ids=["callback", "verbose", "validation"],
)
def test_whoever_looks_sees_each_epoch(settings, data, epochs_in_runs, capsys):
    model(**settings).fit(*data)
    assert epochs_in_runs == []


def test_a_checkpoint_is_of_one_epoch(data, epochs_in_runs, tmp_path):
    model(checkpoint=Checkpoints(tmp_path)).fit(*data)
    assert epochs_in_runs == []


def test_long_epochs_are_runs_of_their_own(data, epochs_in_runs, monkeypatch):
    monkeypatch.setattr(EPOCHS, "SECONDS", 0.0)
    model(max_iter=4).fit(*data)
    assert epochs_in_runs == []


def test_ctrl_c_waits_for_the_run_and_loses_nothing(data, epochs_in_runs, monkeypatch):
    run = STEPS.Trainer.run_of_epochs

    def interrupted(trainer, epochs, count):
        signal.raise_signal(signal.SIGINT)
        return run(trainer, epochs, count)

    monkeypatch.setattr(STEPS.Trainer, "run_of_epochs", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = model().fit(*data)
    assert (fitted.n_iter_, fitted.stopped_) == (17, "interrupted")
    expected = model(max_iter=17, callbacks=[Callback()]).fit(*data)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize(
    "methods", [["lengthen"], ["enter", "complete"]], ids=["after a run", "twice, amid its rows"]
)
def test_no_ctrl_c_gets_out_of_a_fit(methods, data, epochs_in_runs, monkeypatch):
    def interrupted(loop, called, *arguments):
        if epochs_in_runs:
            signal.raise_signal(signal.SIGINT)
        return called(loop, *arguments)

    for method in methods:
        called = getattr(EPOCHS.EpochLoop, method)
        monkeypatch.setattr(EPOCHS.EpochLoop, method, partialmethod(interrupted, called))
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = model().fit(*data)
    assert (fitted.n_iter_, fitted.stopped_) == (17, "interrupted")


def test_the_clock_may_stand_still(data, epochs_in_runs, monkeypatch):
    """As in a user's test that freezes it."""
    monkeypatch.setattr(time, "perf_counter", lambda: 1.0)
    assert_as_one_by_one(model().fit(*data), data)
    assert epochs_in_runs == [16, 13]
    search = GridSearchCV(model(), {"alpha": [0.0, 0.1]}, cv=2, refit=False).fit(*data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
