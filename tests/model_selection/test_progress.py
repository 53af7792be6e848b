"""What a search says of its trainings: which are made alone, and how far they are."""

from __future__ import annotations

import re

import pytest

from tests.model_selection.cases import RATES, SMALL, X, Y
from xpnet import LogisticRegression, MLPClassifier
from xpnet import model_selection as ours


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs")
def test_verbose_says_what_is_trained_one_by_one(capsys):
    grid = {"solver": ["lbfgs", "adam"]}
    ours.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2, verbose=1).fit(X, Y)
    text = "1 of 2 candidates are trained one by one: lbfgs has no mini-batches\n"
    assert text in capsys.readouterr().out
    ours.GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2, verbose=1).fit(X, Y)
    assert "one by one: LogisticRegression is none of" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_verbose_says_which_trainings_are_not_made_beside_others(capsys):
    grid = {"clip_norm": [None, 1.0, 2.0], "hidden_layer_sizes": [(3,), (4, 2)]}
    ours.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2, verbose=1).fit(X, Y)
    clips = "its optimiser does more than one update, such as to clip gradients"
    assert f"8 of 12 trainings were made one after another: {clips}\n" in capsys.readouterr().out
    model = MLPClassifier(shuffle=False, **SMALL)
    ours.GridSearchCV(model, RATES, cv=2, verbose=1).fit(X, Y)
    said = "4 of 4 trainings were made one after another: its samples are not shuffled\n"
    assert said in capsys.readouterr().out
    ours.GridSearchCV(model.set_params(shuffle=True), RATES, cv=2, verbose=1).fit(X, Y)
    assert "one after another" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("early_stopping", "best"), [(False, "lowest loss"), (True, "best validation score")]
)
def test_verbose_shows_how_far_it_is(early_stopping, best, capsys, monkeypatch):
    monkeypatch.setattr("xpnet.model_selection.progress.SECONDS", 0.0)
    monkeypatch.setattr("xpnet.train.together.side_by_side.SECONDS", 0.0)  # a round is an epoch
    monkeypatch.setattr("xpnet.train.together.side_by_side.ROUND", 0.0)
    model = MLPClassifier(early_stopping=early_stopping, **SMALL)
    ours.GridSearchCV(model, RATES, cv=2, verbose=1).fit(X, Y)
    lines = [line for line in capsys.readouterr().out.splitlines() if "go on" in line]
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
