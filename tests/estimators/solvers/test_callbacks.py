"""Callbacks of xpnet's kind and of scikit-learn's."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from sklearn import linear_model, model_selection
from sklearn.callback import ProgressBar, ScoringMonitor

import xpnet
import xpnet.model_selection
from xpnet import LogisticRegression, MLPClassifier, MLPRegressor
from xpnet.callbacks import Callback, Checkpoint, EarlyStopping, JSONLog, Progress
from xpnet.exceptions import NotFiniteError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0, "batch_size": 50}


class Diary(Callback):
    """Notes events; stops after `last` epochs; may put other parameters in place."""

    def __init__(self, last=99, params=None):
        self.last, self.params, self.events = last, params, []

    def on_start(self, run):
        self.events.append(("start", run.net.sizes, run.epochs, run.steps_per_epoch, run.m))

    def on_step(self, step):
        self.events.append(("step", step.index))

    def on_epoch(self, epoch):
        self.events.append(("epoch", epoch.number, epoch.row))
        return "enough" if epoch.number == self.last else None

    def on_end(self, result):
        self.events.append(("end", len(result.history), result.stopped))
        return result if self.params is None else result._replace(params=self.params)


def test_events_come_in_order(few):
    diary = Diary()
    model = MLPClassifier(**SETTINGS, callbacks=[diary]).fit(*few, X_val=few.X, y_val=few.y)
    assert diary.events[0] == ("start", (64, 8, 10), 4, 4, 200)
    assert [event[0] for event in diary.events[1:6]] == ["step"] * 4 + ["epoch"]
    row = diary.events[5][2]
    assert row["cost"] == model.loss_curve_[0]
    assert row["val_cost"] == model.validation_loss_curve_[0]
    assert row["val_accuracy"] == model.validation_scores_[0]
    assert {"epoch", "learning_rate", "seconds"} <= set(row)
    assert diary.events[-1] == ("end", 4, "all epochs done")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_ends_the_training(few, solver):
    model = MLPClassifier(**SETTINGS | {"max_iter": 50}, solver=solver, callbacks=[Diary(last=2)])
    assert model.fit(*few).stopped_ == "enough"
    assert model.n_iter_ == 2


def test_a_callback_may_put_other_parameters_in_place(few):
    trained = MLPRegressor(**SETTINGS).fit(*few)
    model = MLPRegressor(**SETTINGS, callbacks=[Diary(params=trained._params())])
    model.set_params(random_state=5).fit(*few)
    assert (model.coefs_[0] == trained.coefs_[0]).all()


def test_a_failure_reaches_on_end(few):
    class Fails(Callback):
        def on_epoch(self, epoch):
            raise RuntimeError("no space left")

    diary = Diary()
    with pytest.raises(RuntimeError, match="no space left"):
        MLPClassifier(**SETTINGS, callbacks=[diary, Fails()]).fit(*few)
    assert diary.events[-1] == ("end", 1, "failed: no space left")


def test_numbers_that_a_callback_refuses_are_not_the_first_loss(few):
    class Refuses(Callback):
        def on_epoch(self, epoch):
            raise NotFiniteError("W of layer 1 is odd")

    with pytest.raises(NotFiniteError, match=r"^W of layer 1 is odd$"):
        MLPClassifier(**SETTINGS, solver="lbfgs", callbacks=[Refuses()]).fit(*few)


class Breaks(Callback):
    """Fails at one moment."""

    def __init__(self, moment):
        self.moment = moment
        setattr(self, moment, self.fail)

    def fail(self, event):
        raise BrokenPipeError("stdout is closed")


@pytest.mark.parametrize(
    ("solver", "moment"),
    [
        *(("adam", moment) for moment in ("on_start", "on_step", "on_epoch", "on_end")),
        *(("lbfgs", moment) for moment in ("on_start", "on_epoch", "on_end")),
    ],
)
def test_on_end_is_called_whoever_fails(few, solver, moment):
    before, after = Diary(), Diary()
    callbacks = [before, Breaks(moment), Breaks("on_end"), after]
    model = MLPClassifier(**SETTINGS, solver=solver, callbacks=callbacks)
    with pytest.raises(BrokenPipeError, match="stdout is closed") as raised:
        model.fit(*few)
    assert [diary.events[-1][0] for diary in (before, after)] == ["end", "end"]
    failed = "failed: stdout is closed"
    assert after.events[-1][2] == (failed if moment != "on_end" else before.events[-1][2])
    assert "A callback failed at the end, too" in raised.value.__notes__[0]


def test_an_exit_within_a_callback_reaches_on_end(few):
    class Leaves(Callback):
        def on_step(self, step):
            raise SystemExit(3)

    diary = Diary()
    with pytest.raises(SystemExit):
        MLPRegressor(**SETTINGS, callbacks=[Leaves(), diary]).fit(*few)
    assert diary.events[-1] == ("end", 0, "failed: 3")


def test_the_end_answered_by_something_else(few):
    class Answers(Callback):
        def on_end(self, result):
            return result.params

    with pytest.raises(
        TypeError, match=r"Answers\.on_end returned a tuple: expected None, or a Res"
    ):
        MLPRegressor(**SETTINGS, callbacks=[Answers()]).fit(*few)


def test_xpnets_own_callbacks(few, tmp_path):
    rich = pytest.importorskip("rich.console")
    console = rich.Console(file=io.StringIO())
    callbacks = (
        Progress(console),
        JSONLog(tmp_path / "log.jsonl"),
        Checkpoint(tmp_path / "best.safetensors", best="val_accuracy"),
        EarlyStopping("val_cost", patience=5),
    )
    model = MLPClassifier(**SETTINGS, callbacks=callbacks).fit(*few, X_val=few.X, y_val=few.y)
    assert "epoch 4/4  cost" in console.file.getvalue()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["cost"] for line in lines] == model.loss_curve_
    net, _, metadata = xpnet.load(tmp_path / "best.safetensors")
    assert net.sizes == (64, 8, 10)
    assert metadata["row"]["val_accuracy"] == max(model.validation_scores_)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scikit_learns_progress_bar(few, solver, capsys):
    pytest.importorskip("rich")
    MLPClassifier(**SETTINGS, solver=solver).set_callbacks(ProgressBar()).fit(*few)
    assert "MLPClassifier - fit" in capsys.readouterr().out


def test_scikit_learns_scoring_monitor(few):
    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(**SETTINGS).set_callbacks(monitor)
    model.fit(*few)
    scores = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
    assert len(scores) == 4
    assert scores[-1]["accuracy"] == model.score(*few)
    assert len({entry["accuracy"] for entry in scores}) > 1


class Tasks:
    """A callback of scikit-learn that notes which tasks begin and end, and how far the fit is."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, getattr(estimator, "n_iter_", 0)))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.events.append(("end", context.task_name, fitted_estimator is not None))


def tasks_of(estimator, few):
    tasks = Tasks()
    estimator.set_callbacks(tasks).fit(*few)
    return tasks.events


def test_tasks_have_scikit_learns_names(few):
    theirs = {name for _, name, _ in tasks_of(linear_model.LogisticRegression(max_iter=3), few)}
    assert theirs == {"fit", "lbfgs-iter"}
    assert {name for _, name, _ in tasks_of(LogisticRegression(max_iter=3), few)} == theirs
    lbfgs = MLPClassifier(**SETTINGS, solver="lbfgs")
    assert {name for _, name, _ in tasks_of(lbfgs, few)} == theirs
    assert {name for _, name, _ in tasks_of(MLPClassifier(**SETTINGS), few)} == {"fit", "epoch"}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_rounds_begin_before_they_are_trained_and_end_after(few, solver):
    _, *rounds, _ = tasks_of(MLPRegressor(**SETTINGS | {"max_iter": 2}, solver=solver), few)
    assert [(moment, state) for moment, _, state in rounds] == [
        ("begin", 0),
        ("end", True),
        ("begin", 1),
        ("end", True),
    ]


def test_a_round_that_comes_to_nothing_is_ended_all_the_same(few):
    """L-BFGS knows only once it has looked that there is no step to take."""
    events = tasks_of(MLPRegressor(**SETTINGS, solver="lbfgs", tol=1e9), few)
    assert events[1:3] == [("begin", "lbfgs-iter", 0), ("end", "lbfgs-iter", False)]


def test_scikit_learns_callbacks_may_stop(few):
    class Stops:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            return context.task_name == "epoch" and fitted_estimator.n_iter_ == 2

    model = MLPClassifier(**SETTINGS).set_callbacks(Stops()).fit(*few)
    assert (model.n_iter_, model.stopped_) == (2, "stopped by a scikit-learn callback")


def test_progress_bar_through_a_grid_search(few, capsys):
    pytest.importorskip("rich")
    search = model_selection.GridSearchCV(MLPClassifier(**SETTINGS), {"alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(*few)
    assert "MLPClassifier - fit" in capsys.readouterr().out


@pytest.mark.parametrize("on", ["search", "estimator"])
def test_a_search_whose_fits_are_followed_makes_one_after_another(few, on):
    events = []
    for module in (model_selection, xpnet.model_selection):
        tasks, model = Tasks(), MLPClassifier(**SETTINGS)
        if on == "search":
            tasks.max_propagation_depth = None  # it follows the fits, too
        search = module.GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2, refit=False)
        (search if on == "search" else model).set_callbacks(tasks)
        search.fit(*few)
        events.append(tasks.events)
    assert ("begin", "epoch", 0) in events[0]
    assert events[0] == events[1]


def test_a_callback_that_returns_nothing_at_the_end_changes_nothing():
    class Silent(Callback):
        def on_end(self, result):
            return None

    X, y = np.random.default_rng(0).random((30, 4)), np.arange(30) % 2
    model = xpnet.MLPClassifier((3,), max_iter=2, callbacks=[Silent()], tol=1e9, n_iter_no_change=1)
    assert model.fit(X, y).coefs_[0].shape == (4, 3)
