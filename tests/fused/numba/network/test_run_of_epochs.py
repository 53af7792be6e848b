"""Whole epochs as one run, where nobody looks at a model between them: nothing differs."""

from __future__ import annotations

import signal
import time
from functools import partial, partialmethod
from importlib import import_module
from itertools import count

import numpy as np
import pytest
from sklearn.base import clone

from tests.kernels.cases import leaves
from xpnet import Checkpoints, MLPClassifier, Network, fit, optim
from xpnet.callbacks import Callback
from xpnet.fused.numba.network.run import RunProgram
from xpnet.fused.numba.network.trainings import in_common
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.updates import LOOPS
from xpnet.model_selection import GridSearchCV
from xpnet.train.arguments import Settings
from xpnet.train.fit import begun
from xpnet.types import Batches

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
    fitted = model(dropout=0.3).fit(*data)
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


def test_ctrl_c_before_a_run_is_made(data, epochs_in_runs, monkeypatch):
    """Its epochs have not been."""

    def interrupted(trainer, epochs, count):
        raise KeyboardInterrupt

    monkeypatch.setattr(STEPS.Trainer, "run_of_epochs", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = model().fit(*data)
    assert (fitted.n_iter_, fitted.stopped_, len(fitted.loss_curve_)) == (1, "interrupted", 1)
    assert_as_first(fitted, data, 1)


def test_ctrl_c_while_epochs_are_entered_waits_for_all_of_the_run(
    data, epochs_in_runs, monkeypatch
):
    complete = EPOCHS.EpochLoop.complete

    def interrupted(loop, row):
        if len(loop.history) == 5:
            signal.raise_signal(signal.SIGINT)
        return complete(loop, row)

    monkeypatch.setattr(EPOCHS.EpochLoop, "complete", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = model().fit(*data)
    assert (fitted.n_iter_, fitted.stopped_, len(fitted.loss_curve_)) == (17, "interrupted", 17)
    monkeypatch.undo()
    assert_as_first(fitted, data, 17)


def assert_as_first(fitted, data, epochs):
    expected = model(max_iter=epochs, callbacks=[Callback()]).fit(*data)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])


def test_a_run_is_longer_than_the_one_before(data, epochs_in_runs):
    model(max_iter=300, n_iter_no_change=999).fit(*data)
    assert epochs_in_runs == [16, 256, 27]


def test_where_no_run_was_accepted_epochs_are_alone(data, epochs_in_runs, monkeypatch):
    monkeypatch.delitem(LOOPS, "lion")
    model(solver=optim.lion(0.01)).fit(*data)
    assert epochs_in_runs == []


def test_where_a_library_has_runs_of_one_epoch_alone(data, epochs_in_runs, monkeypatch):
    made = STEPS.training_run
    monkeypatch.setattr(STEPS, "training_run", lambda *given: partial(made(*given)))
    fitted = model().fit(*data)
    assert epochs_in_runs == []
    assert_as_one_by_one(fitted, data)


def test_where_a_run_is_declined_its_epochs_are_trained_one_by_one(data, monkeypatch):
    declined = []

    def decline(trainer, epochs, count):
        declined.append(len(epochs))

    monkeypatch.setattr(EPOCHS, "SECONDS", 1e9)
    monkeypatch.setattr(STEPS.Trainer, "run_of_epochs", decline)
    fitted = model().fit(*data)
    assert declined == [16, 13]
    assert_as_one_by_one(fitted, data)


def test_rows_and_the_last_batch_are_those_of_each_epoch(data, epochs_in_runs, monkeypatch, rng):
    """Of a rate that changes at each step; the time of a run is divided among its epochs."""
    X, y = data
    net = Network((5, 7, 3), output="softmax")
    start, Y = net.init(0, like=X), np.eye(3, dtype="float32")[y]
    options = {"epochs": 30, "batch_size": BATCH_SIZE, "sample_weight": rng.random((1, M))}
    loops, results = [], []
    for ahead in (99, 1):

        def noted(loop, ahead=ahead):
            loops.append(loop)
            return ahead

        monkeypatch.setattr(EPOCHS.EpochLoop, "ahead", noted)
        began = time.perf_counter()
        optimizer = optim.adam(optim.cosine(0.1, 300))
        results.append(fit(net, start, X.T, Y.T, optimizer=optimizer, **options))
        spent = time.perf_counter() - began
        assert sum(row["seconds"] for row in results[-1].history) < spent
    assert epochs_in_runs == [16, 13]
    together, alone = (
        [{name: row[name] for name in ("epoch", "cost", "learning_rate")} for row in each.history]
        for each in results
    )
    assert together == alone
    np.testing.assert_array_equal(loops[0].last_batch().order, loops[-1].last_batch().order)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hidden", [(7,), ()], ids=["hidden", "thin"])
def test_a_single_batch_in_order_is_a_step_and_then_runs_of_epochs(
    data, epochs_in_runs, hidden, weighted
):
    weight = np.linspace(0.0, 2.0, M, dtype="float32") if weighted else None
    fitted = model(shuffle=False).set_params(batch_size=M, hidden_layer_sizes=hidden)
    fitted.fit(*data, weight)
    assert epochs_in_runs == [16, 13]
    assert_as_one_by_one(fitted, data, weight)


def test_samples_in_their_own_order(data):
    """They are a run, as by their numbers; a single batch of all is one of epochs alone."""
    X, y = data
    net, Y = Network((5, 7, 3), output="softmax"), np.eye(3, dtype="float32")[y]
    first, second, third, fourth = (
        STEPS.Trainer(net, net.init(0, like=X), Settings(optim.adam(0.1)), fixed=True)
        for _ in range(4)
    )
    batches = Batches(X, Y, None, None, BATCH_SIZE)
    costs = first.run_of_epochs([batches, batches], STEPS_AN_EPOCH)
    numbered = batches._replace(order=np.arange(len(X)))
    np.testing.assert_array_equal(costs, second.run_of_epochs([numbered] * 2, STEPS_AN_EPOCH))
    assert third.prepared([batches, batches], STEPS_AN_EPOCH, {}) is not None
    whole = batches._replace(size=len(X))
    assert first.run(whole, 0, 1) is None  # by itself, a step takes less time
    costs, numbered = first.run_of_epochs([whole, whole], 1), numbered._replace(size=len(X))
    np.testing.assert_array_equal(costs, second.run_of_epochs([numbered] * 2, 1))
    for array, other in zip(leaves(first.params), leaves(second.params), strict=True):
        np.testing.assert_array_equal(array, other)
    assert first.cost(first.params, whole, 0) == second.cost(second.params, numbered, 0)
    known: dict = {}
    runs = [trainer.prepared([whole] * 2, 1, known) for trainer in (third, fourth)]
    rows = [run.arguments[0] for run in runs]
    assert in_common(rows[0]) == in_common(rows[1])  # so that they share what is transposed


def test_no_more_epochs_are_asked_for_than_are_left(data, monkeypatch, tmp_path):
    """Of a training that goes on from a checkpoint; asked again, those that are there count."""
    X, y = data
    net = Network((5, 7, 3), output="softmax")
    given = net, net.init(0, like=X), X.T, np.eye(3, dtype="float32")[y].T
    options = {"epochs": 6, "batch_size": BATCH_SIZE, "seed": 0, "optimizer": optim.adam(0.1)}

    class Interrupt(Callback):
        def on_step(self, step):
            if step.index == 2 * STEPS_AN_EPOCH + 3:
                raise KeyboardInterrupt

    fit(*given, **options, callbacks=[Interrupt()], checkpoint=Checkpoints(tmp_path))
    loop = begun(*given, **options, checkpoint=Checkpoints(tmp_path), resume=True)
    assert len(loop.history) == 2
    monkeypatch.setattr(EPOCHS.EpochLoop, "ahead", lambda loop: 99)
    loop.most = 3
    rounds = loop.rounds(map(loop.samples.epoch, count(2)))
    _, epochs = next(rounds)
    assert len(epochs) == 3
    for loop.most in (3, 1):
        loop.extend(epochs)
        assert len(epochs) == 3
    loop.most = 9
    loop.extend(epochs)
    assert len(epochs) == 4
    rounds.close()


def test_as_many_epochs_are_one_run_as_there_is_time_for(data, epochs_in_runs, monkeypatch):
    loops, lengthen = [], EPOCHS.EpochLoop.lengthen

    def noted(loop, *given):
        loops.append(loop)
        lengthen(loop, *given)

    monkeypatch.setattr(EPOCHS.EpochLoop, "lengthen", noted)
    model(max_iter=2).fit(*data)
    monkeypatch.setattr(EPOCHS, "SECONDS", 0.5)
    loops[0].lengthen(8, 0.25)
    assert loops[0].most == 16
