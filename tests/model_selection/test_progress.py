"""What a search says of its trainings: which are made alone, and how far they are."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import ensemble
from sklearn import model_selection as theirs
from sklearn.pipeline import Pipeline, make_pipeline

from tests.model_selection.cases import RATES, SMALL, X, Y
from xpnet import Checkpoints, LogisticRegression, MLPClassifier
from xpnet import model_selection as ours
from xpnet.model_selection.progress import Progress
from xpnet.network.defaults import accelerator_for


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs")
def test_verbose_says_what_is_trained_one_by_one(capsys):
    grid = {"solver": ["lbfgs", "adam"]}
    ours.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2, verbose=1).fit(X, Y)
    text = "1 of 2 candidates are trained one by one: lbfgs has no mini-batches\n"
    assert text in capsys.readouterr().out
    model = make_pipeline(MLPClassifier(**SMALL))
    grid = {"mlpclassifier": [MLPClassifier(**SMALL)]}
    ours.GridSearchCV(model, grid, cv=2, verbose=1).fit(X, Y)
    text = "1 of 1 candidates are trained one by one: mlpclassifier replaces the network\n"
    assert text in capsys.readouterr().out
    ours.GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2, verbose=1).fit(X, Y)
    assert "one by one: LogisticRegression is none of" in capsys.readouterr().out


class OnRoots(MLPClassifier):
    """A user's network, whose `fit` does something before."""

    def fit(self, X, y):
        return super().fit(np.sqrt(X), y)


class OnSome(Pipeline):
    """A user's pipeline, whose `fit` leaves samples out."""

    def fit(self, X, y):
        return super().fit(X[::2], y[::2])


OF_USERS = {
    "network": (OnRoots(**SMALL), "OnRoots has a fit of its own"),
    "pipeline": (
        OnSome([("network", MLPClassifier(**SMALL))]),
        "OnSome may do more than a Pipeline",
    ),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(("model", "why"), OF_USERS.values(), ids=OF_USERS)
def test_a_fit_of_the_users_own_is_called(model, why, capsys):
    scores = ours.cross_val_score(model, X, Y, cv=2, verbose=1)
    assert f"Trained one by one: {why}\n" in capsys.readouterr().out
    np.testing.assert_array_equal(scores, theirs.cross_val_score(model, X, Y, cv=2))
    bagged, expected = (
        module.BaggingClassifier(model, 2, random_state=0).fit(X, Y) for module in (ours, ensemble)
    )
    np.testing.assert_array_equal(bagged.predict_proba(X), expected.predict_proba(X))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_verbose_says_why_all_are_trained_one_by_one(tmp_path, capsys):
    cached = make_pipeline(MLPClassifier(**SMALL), memory=str(tmp_path / "cache"))
    ours.cross_val_score(cached, X, Y, cv=2, verbose=1)
    assert "Trained one by one: the pipeline has a memory\n" in capsys.readouterr().out
    kept = MLPClassifier(checkpoint=Checkpoints(tmp_path / "one"), **SMALL)
    ours.cross_val_score(kept, X, Y, cv=[(np.arange(100), np.arange(100, 203))], verbose=1)
    assert "one by one: checkpoint is the folder of one fit\n" in capsys.readouterr().out
    ours.cross_val_score(MLPClassifier(verbose=True, **SMALL), X, Y, cv=2, verbose=1)
    said = [line.partition(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert said[0].endswith("one by one: verbose=True writes of one fit after another")
    each = [f"Iteration {number}" for number in range(1, SMALL["max_iter"] + 1)]
    assert [line for line in said if line.startswith("Iteration")] == 2 * each


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:Got `batch_size`")
def test_verbose_says_which_trainings_are_not_made_beside_others(capsys):
    grid = {"clip_norm": [None, 1.0, 2.0], "hidden_layer_sizes": [(3,), (4, 2)]}
    ours.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2, verbose=1).fit(X, Y)
    clips = "its optimiser does more than one update, such as to clip gradients"
    assert f"8 of 12 trainings were made one after another: {clips}\n" in capsys.readouterr().out
    for size in (SMALL["batch_size"], len(X)):
        model = MLPClassifier(shuffle=False, **{**SMALL, "batch_size": size})
        ours.GridSearchCV(model, RATES, cv=2, verbose=1).fit(X, Y)
        assert "one after another" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("early_stopping", "best"), [(False, "lowest loss"), (True, "best validation score")]
)
def test_verbose_shows_how_far_it_is(early_stopping, best, capsys, monkeypatch):
    monkeypatch.setattr("xpnet.model_selection.progress.SECONDS", 0.0)
    for module in ("side_by_side", "rounds"):  # a round is an epoch
        monkeypatch.setattr(f"xpnet.train.together.{module}.SECONDS", 0.0)
    monkeypatch.setattr("xpnet.train.together.side_by_side.ROUND", 0.0)
    model = MLPClassifier(early_stopping=early_stopping, **SMALL)
    ours.GridSearchCV(model, RATES, cv=2, verbose=1).fit(X, Y)
    lines = [line for line in capsys.readouterr().out.splitlines() if "go on" in line]
    if accelerator_for(X).side_by_side is None:  # all have begun before the first round
        assert lines.pop(0) == "4 of 4 trainings go on, no loss yet"
    assert len(lines) == SMALL["max_iter"]
    assert re.fullmatch(rf"4 of 4 trainings go on, {best} [0-9.]+, at most [0-9]+ s left", lines[0])
    assert lines[-1].startswith("0 of 4 trainings go on")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_verbose_shows_how_far_it_is_where_all_end_in_the_round_they_begin_in(capsys, monkeypatch):
    pytest.importorskip("numba")  # else a round is an epoch
    monkeypatch.setattr("xpnet.model_selection.progress.SECONDS", 0.0)
    monkeypatch.setattr("xpnet.train.together.side_by_side.ROUND", 1e9)
    monkeypatch.setattr("xpnet.train.together.rounds.AT_ONCE", 2)
    ours.GridSearchCV(MLPClassifier(**SMALL), RATES, cv=2, verbose=1).fit(X, Y)
    first, last = (line for line in capsys.readouterr().out.splitlines() if "go on" in line)
    assert first.startswith("0 of 4 trainings go on, 2 are still to begin, lowest loss")
    assert last.startswith("0 of 4 trainings go on, lowest loss")


def test_a_line_a_second_says_what_is_left(capsys, monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    clock = SimpleNamespace(perf_counter=lambda: now.seconds)
    monkeypatch.setattr("xpnet.model_selection.progress.time", clock)
    # Two of ten epochs are done; no score is finite yet; the other training has not begun.
    begun = SimpleNamespace(max_iter=10, n_iter_=2, loss_=0.5, best_validation_score_=-math.inf)
    progress = Progress([begun, SimpleNamespace(max_iter=10)], is_shown=True)
    for now.seconds in (0.9, 4.0, 4.9):
        progress([0], 1)
    line = "1 of 2 trainings go on, 1 are still to begin, lowest loss 0.5000, at most 36 s left\n"
    assert capsys.readouterr().out == line
