"""Weights that scikit-learn routes to scorers of searches on arrays of other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.metrics import f1_score, log_loss, make_scorer

from tests.model_selection.cases import FOLDS, LONG, RATES, SMALL, X, Y, reads_of
from tests.model_selection.scoring.test_answers import X64, assert_same, fitted, search
from tests.model_selection.scoring.test_scorers import CLASSES_READ
from tests.standin.place import device_answers
from xpnet import MLPClassifier
from xpnet import model_selection as ours

W = np.linspace(0.1, 1.0, len(Y))

ROUTED = {
    "to one of several": (["own", "wants", "not"], False, False),
    "to two of several": (["own", "wants", "not"], True, False),
    "to all that may": (["own", "wants", "not"], True, True),
    "to the fits alone": (["own", "not"], False, True),
    "to the only one": (["wants"], False, False),
    "to the estimators' own": (["own"], True, False),
}


def routed(names, of_own, of_fit):
    """A model and scorers by name, each of which says whether it wants weights."""
    wants = make_scorer(f1_score, average="macro").set_score_request(sample_weight=True)
    loss = make_scorer(log_loss, response_method="predict_proba", greater_is_better=False)
    scorers = {"own": None, "wants": wants, "not": loss.set_score_request(sample_weight=False)}
    model = MLPClassifier(**LONG).set_fit_request(sample_weight=of_fit)
    model.set_score_request(sample_weight=of_own)
    return model, {name: scorers[name] for name in names}


@pytest.mark.parametrize("library", ["torch", "cupy"])
@pytest.mark.parametrize("to", ROUTED.values(), ids=ROUTED)
def test_each_scorer_has_the_weights_that_are_routed_to_it(library, to):
    there = pytest.importorskip(library).asarray
    with config_context(enable_metadata_routing=True):
        model, scorers = routed(*to)
        for scoring in [scorers, *(scorers.values() if len(scorers) == 1 else [])]:
            made = search(model, scoring=scoring, refit=False, return_train_score=True)
            found, warned = fitted(made(ours), (X64, Y), there, sample_weight=there(W))
            expected, expected_warned = fitted(made(theirs), (X64, Y), np.asarray, sample_weight=W)
            assert_same(found, expected)
            assert sorted(map(str, warned)) == sorted(map(str, expected_warned))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_weights_that_are_routed_count_as_in_scikit_learns():
    there = pytest.importorskip("torch").asarray
    scorer = make_scorer(f1_score, average="macro")
    with config_context(enable_metadata_routing=True):
        scorer.set_score_request(sample_weight=True)
        model = MLPClassifier(**SMALL).set_fit_request(sample_weight=False)
        found, expected = (
            module.GridSearchCV(model, RATES, scoring=scorer, cv=2)
            .fit(there(X), there(Y), sample_weight=there(W))
            .cv_results_["mean_test_score"]
            for module in (ours, theirs)
        )
    np.testing.assert_allclose(found, expected, 1e-6)


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
@pytest.mark.parametrize("candidates", [2, 6])
@pytest.mark.parametrize(
    ("names", "reads"), [(["wants"], CLASSES_READ + 1), (["own"], 3 * FOLDS + 1)]
)
def test_what_is_routed_is_read_once(names, reads, candidates, monkeypatch):
    """With the weights, of each fold also that they are finite, and their signs, for own scores."""
    x, y, w = map(pytest.importorskip("cupy").asarray, (X, Y, W))
    grid = {"alpha": np.logspace(-5, 0, candidates)}
    with config_context(enable_metadata_routing=True):
        model, scoring = routed(names, of_own=True, of_fit=False)
        made = search(model, grid, cv=theirs.KFold(FOLDS), scoring=scoring, refit=False)(ours)
        assert reads_of(lambda: made.fit(x, y, sample_weight=w), monkeypatch) == reads
