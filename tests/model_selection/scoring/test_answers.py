"""Scores whose answers are read at once: of text, beside users' scorers, of derived classes."""

from __future__ import annotations

import weakref
from functools import partial

import numpy as np
import pytest
from array_api_compat import array_namespace
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import f1_score, get_scorer, log_loss, make_scorer
from sklearn.pipeline import make_pipeline

from tests.model_selection.cases import (
    FOLDS,
    LONG,
    RATES,
    REAL_X,
    REAL_Y,
    SHORT,
    SMALL,
    Centred,
    Unequal,
    X,
    Y,
    heard,
    reads_of,
)
from tests.model_selection.scoring.test_scorers import CLASSES_READ
from tests.standin.place import device_answers
from xpnet import (
    BaggingClassifier,
    BaggingRegressor,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    backend,
)
from xpnet import model_selection as ours
from xpnet._interrupts import uncollected
from xpnet.model_selection.scoring import answers

X64, REAL64 = X.astype(np.float64), REAL_X.astype(np.float64)
TEXT = np.array(list("abcdefghij"))[Y]
PARTS = {"return_train_score": True, "return_estimator": True, "return_indices": True}
OWN_READ = FOLDS + 1
"""Of each fold that its test samples are finite, and all scores."""


class Named(MLPClassifier):
    """A method and a parameter more, and nothing that changes answers."""

    def __init__(self, title="", *, alpha=1e-4, max_iter=4):
        super().__init__((5,), alpha=alpha, batch_size=40, max_iter=max_iter, random_state=0)
        self.title = title

    def described(self):
        return f"{self.title}: {self.loss_}"


class Turned(MLPClassifier):
    """Predictions of its own."""

    def predict(self, X):
        labels = super().predict(X)
        return array_namespace(labels).flip(labels, axis=0)


class Doubled(MLPRegressor):
    """Predictions of its own."""

    def predict(self, X):
        return 2 * super().predict(X)


class ToHost(TransformerMixin, BaseEstimator):
    """Takes samples to the host."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return backend.to_numpy(X)


def asked(estimator, X, y):
    """A user's scorer, which asks for the estimator's own score of what lies there."""
    assert not isinstance(X, np.ndarray)
    return estimator.score(X, y)


def share(y_true, y_pred):
    """A user's metric, of arrays where they lie."""
    assert type(y_true) is type(y_pred)
    assert not isinstance(y_true, np.ndarray)
    return float((y_true == y_pred)[1:].sum()) / y_true.shape[0]


def chance(y_true, y_pred):
    assert not isinstance(y_pred, np.ndarray)
    return float(y_pred[:, 0].sum()) / y_pred.shape[0]


SHARE, CHANCE = make_scorer(share), make_scorer(chance, response_method="predict_proba")

MIXED = {
    "own": {"own": None, "asked": asked},
    "all": {"asked": asked, "f1": "f1_macro", "own": None, "loss": "neg_log_loss", "hits": SHARE},
    "before": {"hits": SHARE, "f1": "f1_macro", "chance": CHANCE, "loss": "neg_log_loss"},
    "after": {"f1": "f1_macro", "hits": SHARE, "loss": "neg_log_loss", "chance": CHANCE},
}


def on_host(arrays):
    return [backend.to_numpy(array) for array in arrays]


@pytest.mark.parametrize(
    ("library", "at_once"),
    [("torch", 1), ("torch", 1500), ("torch", answers.AT_ONCE), ("cupy", 1500)],
)
@pytest.mark.parametrize("scoring", MIXED.values(), ids=MIXED)
def test_beside_a_users_scorer_each_has_the_answers_of_its_fit_and_part(
    library, at_once, scoring, monkeypatch
):
    monkeypatch.setattr(answers, "AT_ONCE", at_once)
    x, y = map(pytest.importorskip(library).asarray, (X64, Y % 3))
    model = MLPClassifier(**SMALL)
    with config_context(array_api_dispatch=library == "cupy"):
        result, warned = heard(
            lambda: ours.cross_validate(model, x, y, scoring=scoring, cv=Unequal(), **PARTS)
        )
    assert not [text for text, *_ in warned if "failed" in text]
    for part in ("test", "train"):
        fits = list(zip(result["estimator"], result["indices"][part], strict=True))
        found = {name: result[f"{part}_{name}"].tolist() for name in scoring}
        labels = [on_host((y[rows], one.predict(x[rows, :]))) for one, rows in fits]
        chances = [on_host((y[rows], one.predict_proba(x[rows, :]))) for one, rows in fits]
        expected = {
            "own": [one.score(x[rows, :], y[rows]) for one, rows in fits],
            "f1": [f1_score(*pair, average="macro") for pair in labels],
            "loss": [-log_loss(*pair) for pair in chances],
            "hits": [np.sum((y == p)[1:]) / len(y) for y, p in labels],
            "chance": [np.mean(chance[:, 0]) for _, chance in chances],
        }
        expected["asked"] = expected["own"]
        for name, scores in found.items():
            rtol = 1e-12 if name == "chance" else 0.0  # which is added up in another order
            np.testing.assert_allclose(scores, expected[name], rtol, err_msg=name)


def search(model, grid=RATES, **options):
    """Of a module, scikit-learn's or ours."""
    return lambda module: module.GridSearchCV(
        model(module) if callable(model) else model, grid, **{"cv": theirs.KFold(2)} | options
    )


SEVERAL = {"scoring": ["f1_macro", "neg_log_loss", "accuracy"], "refit": "f1_macro"}
ERRORS = {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2"}
OWN = {"scoring": {"own": None, "f1": "f1_macro"}, "refit": "own", "return_train_score": True}
CLASSIFIER, REGRESSOR = MLPClassifier(**LONG), MLPRegressor(**LONG)
NESTED = {"grid": {"return_train_score": [False, True]}}
MEMBERS = {"grid": {"estimator__alpha": [1e-4, 1.0]}}

SEARCHES = {
    "text": (search(CLASSIFIER), (X64, TEXT)),
    "text and names": (search(CLASSIFIER, **OWN), (X64, TEXT)),
    "two texts": (search(CLASSIFIER, **OWN), (X64, TEXT > "d")),
    "host": (search(make_pipeline(ToHost(), CLASSIFIER), {}, **OWN), (X64, Y)),
    "regression on the host": (search(make_pipeline(ToHost(), REGRESSOR), {}), (REAL64, REAL_Y)),
    "named": (search(Named(), {"title": ["a", "b"]}, **OWN), (X64, Y)),
    "turned": (search(Turned(**LONG), **SEVERAL), (X64, Y)),
    "turned, own": (search(Turned(**LONG), **OWN), (X64, Y)),
    "turned, text": (search(Turned(**LONG), **OWN), (X64, TEXT)),
    "turned in a pipeline": (
        search(make_pipeline(Centred(), Turned(**LONG)), {}, **SEVERAL),
        (X64, Y),
    ),
    "doubled": (search(Doubled(**LONG), **ERRORS), (REAL64, REAL_Y)),
    "logistic": (search(LogisticRegression(), {"C": [0.1, 1.0]}, **SEVERAL), (X64, Y)),
    "search": (search(search(CLASSIFIER), **NESTED, **SEVERAL), (X64, Y)),
    "search of text": (search(search(CLASSIFIER), **NESTED, **SEVERAL), (X64, TEXT)),
    "search by its own score": (search(search(CLASSIFIER, scoring="f1_macro"), **NESTED), (X64, Y)),
    "search of a pipeline": (
        search(search(make_pipeline(Centred(), Turned(**LONG)), {}), **NESTED, **SEVERAL),
        (X64, Y),
    ),
    "search for regression": (search(search(REGRESSOR), **NESTED, **ERRORS), (REAL64, REAL_Y)),
    "ensemble": (search(BaggingClassifier(CLASSIFIER, 2), **MEMBERS, **SEVERAL), (X64, Y)),
    "ensemble for regression": (
        search(BaggingRegressor(REGRESSOR, 2), **MEMBERS, **ERRORS),
        (REAL64, REAL_Y),
    ),
}


def fitted(made, data, there, **of_fit):
    """A search, and what was warned of."""
    x, y = (values if values.dtype.kind == "U" else there(values) for values in data)
    np.random.seed(0)
    return heard(lambda: made.fit(x, y, **of_fit))


def assert_same(found, expected):
    """The scores of two searches."""
    assert list(found.cv_results_) == list(expected.cv_results_)
    for name, values in expected.cv_results_.items():
        if "_test_" in name or "_train_" in name:
            np.testing.assert_allclose(found.cv_results_[name], values, 1e-7, err_msg=name)
    assert repr(found.scorer_) == repr(expected.scorer_)


@pytest.mark.parametrize("library", ["torch", "cupy"])
@pytest.mark.parametrize(("made", "data"), SEARCHES.values(), ids=SEARCHES)
def test_a_search_has_the_scores_of_scikit_learns_on_the_host(library, made, data):
    there = pytest.importorskip(library).asarray
    found, warned = fitted(made(ours), data, there)
    expected, expected_warned = fitted(made(theirs), data, np.asarray)
    assert_same(found, expected)
    assert sorted(text for text, *_ in warned) == sorted(text for text, *_ in expected_warned)
    test = [data[0][:50], data[1][:50]]
    score = expected.score(*test)
    test = [values if values.dtype.kind == "U" else there(values) for values in test]
    assert found.score(*test) == pytest.approx(score, rel=1e-7)


@pytest.mark.parametrize("scoring", [None, {"own": None, "hits": "accuracy"}], ids=str)
def test_text_in_a_column_is_warned_of_as_often(scoring):
    """By each score, as its estimator's own is asked for where the samples lie."""
    there = pytest.importorskip("torch").asarray
    data, options = (X64, TEXT[:, None]), {"scoring": scoring, "refit": False}
    (found, warned), (expected, expected_warned) = (
        fitted(search(CLASSIFIER, **options)(module), data, there) for module in (ours, theirs)
    )
    for name in expected.cv_results_:
        if "_test_" in name:
            np.testing.assert_array_equal(found.cv_results_[name], expected.cv_results_[name])
    assert sorted(map(str, warned)) == sorted(map(str, expected_warned))


def test_what_a_scorer_cannot_ask_is_said_of_the_estimator():
    """And not of what stands in for it."""
    there, texts = pytest.importorskip("torch").asarray, []
    for module, take in ((ours, there), (theirs, np.asarray)):
        made, _ = fitted(search(search(REGRESSOR), **NESTED)(module), (REAL64, REAL_Y), take)
        made.scorer_ = get_scorer("roc_auc")
        with pytest.raises(AttributeError) as error:
            made.score(take(REAL64), take(REAL_Y))
        texts.append(str(error.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", answers.ANSWERS)
@pytest.mark.parametrize("base", [MLPClassifier, MLPRegressor])
def test_a_class_that_may_answer_in_its_own_way_is_known(base, name):
    assert answers.is_own(base())
    assert answers.is_own(type("Derived", (base,), {"fit": lambda self, X, y: self})())
    changed = type("Changed", (base,), {name: lambda self, X: X})
    assert not answers.is_own(changed())
    assert not answers.is_own(type("Grandchild", (changed,), {})())
    model = base()
    vars(model)[name] = len
    assert not answers.is_own(model)


HITS = {"f1": "f1_macro", "own": None, "asked": lambda estimator, X, y: 1.0}

READS = {
    "text": (MLPClassifier(**SHORT), TEXT, None, OWN_READ),
    # Of labels that lie on the host anyway, outputs alone.
    "text and names": (MLPClassifier(**SHORT), TEXT, OWN["scoring"], OWN_READ),
    "beside a function": (MLPClassifier(**SHORT), Y, HITS, CLASSES_READ + 1),
    "named": (Named(max_iter=1), Y, {"own": None, "f1": "f1_macro"}, CLASSES_READ + 1),
}


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
@pytest.mark.parametrize("candidates", [2, 6])
@pytest.mark.parametrize(("model", "labels", "scoring", "reads"), READS.values(), ids=READS)
def test_answers_are_read_once(model, labels, scoring, reads, candidates, monkeypatch):
    """However many candidates there are, and whatever is asked beside them."""
    there = pytest.importorskip("cupy").asarray
    y = labels if labels is TEXT else there(labels)
    grid = {"alpha": np.logspace(-5, 0, candidates)}
    made = search(model, grid, cv=theirs.KFold(FOLDS), scoring=scoring, refit=False)(ours)
    assert reads_of(lambda: made.fit(there(X), y), monkeypatch) == reads


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("is_search", [False, True], ids=["validation", "search"])
def test_after_an_error_nothing_is_known_any_more(is_search, monkeypatch):
    """It would be kept with samples on the device until Python looks for cycles."""
    cupy = pytest.importorskip("cupy")
    made = []

    class Noted(answers.Answers):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(weakref.ref(self))

    def failing(model, X, y):
        raise ValueError("never again")

    model, samples = MLPClassifier(**SHORT), tuple(map(cupy.asarray, (X, Y)))
    scoring = {"failing": failing, "f1": "f1_macro"}
    options = {"cv": FOLDS, "scoring": scoring, "error_score": "raise"}
    monkeypatch.setattr("xpnet.model_selection.scoring.scores.Answers", Noted)
    ask = partial(ours.cross_validate, model)
    if is_search:
        ask = ours.GridSearchCV(model, {"alpha": [0.1, 0.01]}, refit=False, **options).fit
        options = {}
    with uncollected():
        with pytest.raises(ValueError, match="never again"):
            ask(*samples, **options)
        assert len(made) == 1
        assert made[0]() is None
