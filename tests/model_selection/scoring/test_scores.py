"""Scores of searches on arrays of other libraries: those of single fits, all read at once."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import product

import numpy as np
import pytest
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import (
    FOLDS,
    LONG,
    RATES,
    REAL_X,
    REAL_Y,
    SMALL,
    Centred,
    Unequal,
    X,
    Y,
    failing,
    heard,
    reads_of,
)
from tests.standin.place import device_answers
from xpnet import BaggingClassifier, LogisticRegression, MLPClassifier, MLPRegressor, backend
from xpnet import model_selection as ours
from xpnet.model_selection.scoring.answers import ByScore

W = np.linspace(0.1, 1.0, len(Y), dtype=np.float32)

REAL = REAL_X.astype(np.float32), REAL_Y.astype(np.float32)

CLASSIFY = (X, Y)


class Doubled(Centred):
    """Fitted on other numbers than it transforms to later, as target encoders do."""

    def fit_transform(self, X, y=None):
        return 2 * self.fit(X).transform(X)


class Halved(MLPClassifier):
    """A score of its own."""

    def score(self, X, y, sample_weight=None):
        return super().score(X, y, sample_weight) / 2


def asks(estimator, X, y):
    return estimator.score(X[:60, :], y[:60])


NAME = {"scoring": "accuracy"}

OWN = {"scoring": {"own": None, "hits": "accuracy", "f1": "f1_macro"}, "refit": "own"}

SEARCHES = {
    "plain": (MLPClassifier(**LONG), RATES, CLASSIFY, {}, {}),
    "unequal": (MLPClassifier(**LONG), RATES, CLASSIFY, {"cv": Unequal()}, {}),
    "train": (MLPClassifier(**LONG), RATES, CLASSIFY, {"return_train_score": True}, {}),
    "name": (MLPClassifier(**LONG), RATES, CLASSIFY, NAME, {}),
    "names": (
        MLPClassifier(**LONG),
        RATES,
        CLASSIFY,
        {"scoring": ["f1_macro", "accuracy"], "refit": "accuracy", "return_train_score": True},
        {},
    ),
    "metrics": (MLPClassifier(**LONG), RATES, CLASSIFY, OWN | {"return_train_score": True}, {}),
    "asking": (
        MLPClassifier(**LONG),
        RATES,
        CLASSIFY,
        {"scoring": {"own": None, "asks": asks}, "refit": "own", "return_train_score": True},
        {},
    ),
    "another": (
        MLPClassifier(**LONG),
        RATES,
        CLASSIFY,
        {"scoring": make_scorer(accuracy_score)},
        {},
    ),
    "weights": (
        MLPClassifier(**LONG),
        RATES,
        CLASSIFY,
        {"return_train_score": True},
        {"sample_weight": W},
    ),
    "two classes": (MLPClassifier(**LONG), RATES, (X, Y % 2), {"return_train_score": True}, {}),
    "columns": (MLPClassifier(**LONG), RATES, (X, np.c_[Y > 4, Y % 2].astype(int)), {}, {}),
    "a column": (MLPClassifier(**SMALL), RATES, (X, Y[:, None]), {"return_train_score": True}, {}),
    "a column by name": (MLPClassifier(**SMALL), RATES, (X, Y[:, None]), NAME, {}),
    "weights by name": (MLPClassifier(**LONG), RATES, CLASSIFY, NAME, {"sample_weight": W}),
    "whole numbers": (
        MLPClassifier(**SMALL),
        RATES,
        ((16 * X).astype(np.int64), Y),
        {},
        {"sample_weight": W},
    ),
    "derived": (Halved(**LONG), RATES, CLASSIFY, NAME, {}),
    "derived-own": (Halved(**LONG), RATES, CLASSIFY, {}, {}),
    "regression": (MLPRegressor(**LONG), RATES, REAL, {"return_train_score": True}, {}),
    "squares": (
        MLPRegressor(**LONG),
        RATES,
        REAL,
        {"scoring": {"own": None, "mse": "neg_mean_squared_error"}, "refit": "own"},
        {},
    ),
    "two outputs": (MLPRegressor(**LONG), RATES, (REAL[0], np.c_[REAL[1], -REAL[1]]), {}, {}),
    "pipeline": (
        make_pipeline(StandardScaler(), MLPClassifier(**LONG)),
        {"mlpclassifier__alpha": [1e-5, 1.0]},
        CLASSIFY,
        {"return_train_score": True, "scoring": "accuracy"},
        {},
    ),
    "fit and transform": (
        make_pipeline(Doubled(), MLPClassifier(**LONG)),
        {"mlpclassifier__alpha": [1e-5, 1.0]},
        CLASSIFY,
        {"return_train_score": True, "scoring": {"own": None, "f1": "f1_macro"}, "refit": "own"},
        {},
    ),
    "steps": (
        make_pipeline(StandardScaler(), MLPClassifier(**SMALL)),
        {"mlpclassifier": [MLPClassifier(**LONG), Halved(**LONG)]},
        CLASSIFY,
        {"scoring": "accuracy"},
        {},
    ),
    "failing": (
        MLPClassifier(**SMALL),
        {"solver": [failing, "adam"]},
        CLASSIFY,
        {"error_score": -1.0, "return_train_score": True},
        {},
    ),
    "one by one": (
        MLPClassifier(**SMALL),
        {"solver": ["lbfgs", "adam"]},
        CLASSIFY,
        {"scoring": "accuracy"},
        {},
    ),
}


PLACES = [
    *product(["torch"], SEARCHES),
    # JAX compiles for each case; on CuPy scikit-learn's own need its dispatch.
    ("jax.numpy", "metrics"),
    *product(["cupy"], ["metrics", "weights", "two outputs", "pipeline", "failing"]),
]


@pytest.mark.parametrize(("library", "case"), PLACES, ids=map("-".join, PLACES))
def test_a_search_has_the_scores_of_scikit_learns(library, case):
    asarray = pytest.importorskip(library).asarray
    model, grid, data, options, of_fit = SEARCHES[case]

    def search(module, asarray, **context):
        made = module.GridSearchCV(model, grid, **{"cv": theirs.KFold(2)} | options)
        there = {name: asarray(values) for name, values in of_fit.items()}
        with config_context(**context):
            return heard(lambda: made.fit(*map(asarray, data), **there))

    found, warned = search(ours, asarray, array_api_dispatch=library == "cupy")
    # Of CuPy's arrays scikit-learn has scores for some scorers alone.
    expected, expected_warned = search(theirs, np.asarray if library == "cupy" else asarray)
    assert list(found.cv_results_) == list(expected.cv_results_)
    for name, values in expected.cv_results_.items():
        if "_test_" in name or "_train_" in name:
            # Of networks that are trained as a stack, whose outputs are those of one to rounding.
            atol = 1e-5 if isinstance(model, MLPRegressor) else 0.0
            np.testing.assert_allclose(found.cv_results_[name], values, 0.0, atol, err_msg=name)
    assert Counter(warned) == Counter(expected_warned)
    assert found.get_params()["scoring"] is options.get("scoring")
    assert repr(found.scorer_) == repr(expected.scorer_)


MODELS = {
    "classifier": (MLPClassifier(**LONG), CLASSIFY),
    "regressor": (MLPRegressor(**LONG), REAL),
    "pipeline": (make_pipeline(Centred(), MLPClassifier(**LONG)), CLASSIFY),
}


@pytest.mark.parametrize("library", ["torch", "jax.numpy", "cupy"])
@pytest.mark.parametrize(("model", "data"), MODELS.values(), ids=MODELS)
def test_each_score_is_its_estimators_to_the_bit(library, model, data):
    X, y = map(pytest.importorskip(library).asarray, data)
    options = {"return_train_score": True, "return_estimator": True, "return_indices": True}
    result, _ = heard(lambda: ours.cross_validate(model, X, y, cv=Unequal(), **options))
    for part in ("train", "test"):
        expected = [
            one.score(X[rows, :], y[rows])
            for one, rows in zip(result["estimator"], result["indices"][part], strict=True)
        ]
        assert result[f"{part}_score"].tolist() == expected
    # Times are of the scores as well as of the fits, and nothing is left on the estimators.
    assert min(result["score_time"]) > 0
    assert not any("score" in vars(one) for one in result["estimator"])


CALLS = {
    "score": ("cross_val_score", {"scoring": "accuracy"}),
    "curve": ("validation_curve", {"param_name": "alpha", "param_range": [1e-5, 1.0, 9.0]}),
    "curve by name": (
        "validation_curve",
        {"param_name": "alpha", "param_range": [1e-5, 1.0], "scoring": "accuracy"},
    ),
}


@pytest.mark.parametrize(("name", "options"), CALLS.values(), ids=CALLS)
def test_a_validation_has_the_scores_of_scikit_learns(name, options):
    there = map(pytest.importorskip("torch").asarray, CLASSIFY)
    model, (X, y) = MLPClassifier(**LONG), there
    found, expected = (
        heard(lambda module=module: getattr(module, name)(model, X, y, cv=Unequal(), **options))
        for module in (ours, theirs)
    )
    np.testing.assert_equal(found[0], expected[0])
    assert Counter(found[1]) == Counter(expected[1])


def test_samples_that_are_not_finite_fail_for_each_fit():
    """Those that no fit was given, so that only the scores can tell."""
    there = pytest.importorskip("torch").asarray
    broken = X.copy()
    broken[3, 5] = np.nan
    splits = [(np.arange(50, 203), np.arange(50)), (np.arange(50, 150), np.arange(150, 203))]

    def search(module):
        made = module.GridSearchCV(MLPClassifier(**SMALL), RATES, cv=splits, refit=False)
        return heard(lambda: made.fit(there(broken), there(Y)).cv_results_)

    (found, warned), (expected, expected_warned) = search(ours), search(theirs)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_equal(found[name], expected[name])
    assert np.isnan(found["split0_test_score"]).all()
    assert Counter(warned) == Counter(expected_warned)


@pytest.mark.parametrize("scoring", [["accuracy", "accuracy"], [], ["accuracy", len], {}])
def test_scorers_that_cannot_be_are_refused_as_by_scikit_learn(scoring):
    there = list(map(pytest.importorskip("torch").asarray, CLASSIFY))
    texts = []
    for module in (ours, theirs):
        with pytest.raises(ValueError) as error:  # noqa: PT011 - both have one text
            module.GridSearchCV(MLPClassifier(**SMALL), RATES, scoring=scoring).fit(*there)
        texts.append(str(error.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("scoring", [None, "f1_macro", "neg_log_loss"])
@pytest.mark.parametrize(
    ("model", "grid"),
    [
        (MLPClassifier(**SMALL), RATES),
        (make_pipeline(MLPClassifier(**SMALL)), {"mlpclassifier__alpha": [0.0, 0.1]}),
        (LogisticRegression(max_iter=3), {"C": [0.1, 1.0]}),
        (BaggingClassifier(MLPClassifier(**SMALL), random_state=0), {"n_estimators": [1, 2]}),
    ],
    ids=["network", "pipeline", "logistic regression", "bagging"],
)
def test_a_search_says_that_its_model_lies_elsewhere_than_samples(model, grid, scoring):
    there = pytest.importorskip("cupy").asarray
    search = ours.GridSearchCV(model, grid, cv=2, scoring=scoring)
    heard(lambda: search.fit(there(X), there(Y)))
    with pytest.raises(ValueError, match=r"lies in cupy on cuda:0, X in numpy on cpu\. Move"):
        search.score(X, Y)


SCORED = {
    "counts": (MLPClassifier, Y, None),
    "weights": (MLPClassifier, Y, W),
    "several labels": (MLPClassifier, np.eye(10, dtype=np.int64)[Y], None),
    "R²": (MLPRegressor, X[:, 20], None),
    "R² of two outputs, weights": (MLPRegressor, X[:, 20:22], W),
}


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize(("make", "y", "s"), SCORED.values(), ids=SCORED)
def test_scores_that_are_read_at_once_are_those_of_each_to_the_bit(name, make, y, s):
    """Of enough networks and samples for libraries to add up otherwise than for one network."""
    pytest.importorskip(name)
    there = partial(backend.asarray, backend=name)
    x, y = there(np.tile(X, (5, 1))), there(np.concatenate([y] * 5))
    s = None if s is None else there(np.tile(W, 5))
    networks = [make(hidden_layer_sizes=(5,), max_iter=1, random_state=seed) for seed in range(16)]
    heard(lambda: [network.fit(x, y) for network in networks])
    part = ByScore(x, networks[0]._targets(y, x), s)
    scores = part.queued(networks)
    for k, network in enumerate(networks):
        model, *asked_of, params = part.case(network, scores, k)
        assert model.score(*asked_of, **params) == network.score(x, y, s)


READS = {
    # By the estimators' own score: that the test samples of each fold are finite, then all scores.
    "plain": (MLPClassifier, (X, Y), {}, {}, FOLDS + 1),
    "labels on the host": (MLPClassifier, (X, None), {}, {}, FOLDS + 1),
    "name": (MLPClassifier, (X, Y), {"scoring": "accuracy"}, {}, FOLDS + 1),
    "train": (MLPClassifier, (X, Y), {"return_train_score": True}, {}, FOLDS + 1),
    "twice": (
        MLPClassifier,
        (X, Y),
        {"scoring": {"a": None, "b": "accuracy"}, "refit": False},
        {},
        FOLDS + 1,
    ),
    # That targets and weights are finite, and the signs of these.
    "regression": (MLPRegressor, REAL, {}, {}, 2 * FOLDS + 1),
    "weights": (MLPClassifier, (X, Y), {}, {"sample_weight": W}, 3 * FOLDS + 1),
    # By a score that is called: the same for each fit of two candidates, and of six.
    "derived": (Halved, (X, Y), {}, {}, 2 * FOLDS),
}


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
@pytest.mark.parametrize("candidates", [2, 6])
@pytest.mark.parametrize(("make", "data", "options", "of_fit", "reads"), READS.values(), ids=READS)
def test_scores_are_read_once(make, data, options, of_fit, reads, candidates, monkeypatch):
    """However many there are."""
    cupy = pytest.importorskip("cupy")
    X, y = cupy.asarray(data[0]), Y if data[1] is None else cupy.asarray(data[1])
    there = {name: cupy.asarray(values) for name, values in of_fit.items()}
    grid = {"alpha": np.logspace(-5, 0, candidates)}
    options = {"cv": theirs.KFold(FOLDS), "refit": False} | options
    search = ours.GridSearchCV(make(**SMALL), grid, **options)
    found = reads_of(lambda: search.fit(X, y, **there), monkeypatch)
    assert found == reads * (candidates if make is Halved else 1)
