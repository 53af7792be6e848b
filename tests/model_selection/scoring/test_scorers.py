"""scikit-learn's scorers on arrays of other libraries: as on the host, by answers read at once."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import product

import numpy as np
import pytest
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    top_k_accuracy_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import (
    FOLDS,
    LONG,
    RATES,
    REAL_X,
    REAL_Y,
    SHORT,
    SMALL,
    X,
    Y,
    failing,
    heard,
    reads_of,
)
from tests.standin.place import device_answers
from xpnet import MLPClassifier, MLPRegressor, backend
from xpnet import model_selection as ours
from xpnet.model_selection.scoring import answers

W = np.linspace(0.1, 1.0, len(Y))
X64 = X.astype(np.float64)
REAL = REAL_X, REAL_Y
BY_CLASS = np.argsort(Y, kind="stable")


class OfHalf(MLPClassifier):
    """Predictions of its own."""

    def predict(self, X):
        return super().predict(X) // 2


CLASSIFIER, REGRESSOR = MLPClassifier(**LONG), MLPRegressor(**LONG)
TRAIN = {"return_train_score": True}
SEVERAL = {"scoring": ["f1_macro", "neg_log_loss", "roc_auc_ovr", "accuracy"], "refit": "f1_macro"}
OF_TWO = {
    "scoring": {
        "f1": "f1",
        "roc_auc": "roc_auc",
        # Of the other class, but scikit-learn asks once for the probabilities of both scorers.
        "other": make_scorer(average_precision_score, response_method="predict_proba", pos_label=0),
    },
    "refit": "roc_auc",
}
OF_LOGARITHMS = make_scorer(
    top_k_accuracy_score, k=2, labels=range(10), response_method=["predict_log_proba"]
)
ERRORS = ["r2", "neg_mean_squared_error", "neg_mean_absolute_error", "neg_max_error"]
SOME_FAIL = {"learning_rate_init": [1e-2, 1e30], "solver": ["sgd"]}

SEARCHES = {
    "name": (CLASSIFIER, RATES, (X64, Y), {"scoring": "balanced_accuracy"} | TRAIN, {}),
    "names": (CLASSIFIER, RATES, (X64, Y), SEVERAL | TRAIN, {}),
    "two classes": (CLASSIFIER, RATES, (X64, Y % 2), OF_TWO, {}),
    "columns": (
        CLASSIFIER,
        RATES,
        (X64, np.c_[Y > 4, Y % 2].astype(int)),
        {
            "scoring": {"f1": "f1_samples", "own": None, "roc": get_scorer("roc_auc")},
            "refit": "roc",
        },
        {},
    ),
    "object": (
        CLASSIFIER,
        RATES,
        (X64, Y),
        {"scoring": make_scorer(fbeta_score, beta=2, average="macro")},
        {},
    ),
    "logarithms": (CLASSIFIER, RATES, (X64, Y), {"scoring": OF_LOGARITHMS} | TRAIN, {}),
    "weights": (CLASSIFIER, RATES, (X64, Y), SEVERAL | TRAIN, {"sample_weight": W}),
    "regression": (REGRESSOR, RATES, REAL, {"scoring": ERRORS, "refit": "r2"} | TRAIN, {}),
    "outputs": (REGRESSOR, RATES, (REAL_X, np.c_[REAL_Y, -REAL_Y]), {"scoring": "r2"}, {}),
    # Classes that a fold lacks, of which the loss and the area fail, and the rest warn.
    "a class missing": (
        CLASSIFIER,
        RATES,
        (X64[BY_CLASS], Y[BY_CLASS]),
        SEVERAL | {"error_score": -1.0},
        {},
    ),
    "no probabilities": (REGRESSOR, RATES, REAL, {"scoring": "roc_auc"}, {}),
    "some fail": (CLASSIFIER, SOME_FAIL, (X64, Y), SEVERAL | {"error_score": -1.0}, {}),
    "schedule": (
        CLASSIFIER,
        {"solver": [failing, "adam"]},
        (X64, Y),
        {"scoring": "f1_macro"} | TRAIN,
        {},
    ),
    "one by one": (CLASSIFIER, {"solver": ["lbfgs", "adam"]}, (X64, Y), SEVERAL | TRAIN, {}),
}

ON_TORCH = {
    "text": (CLASSIFIER, RATES, (X64, np.array(list("abcdefghij"))[Y]), SEVERAL | TRAIN, {}),
    "pipeline": (
        make_pipeline(StandardScaler(), CLASSIFIER),
        {"mlpclassifier__alpha": [1e-5, 1.0]},
        (X64, Y),
        SEVERAL | TRAIN,
        {},
    ),
    "pipeline of one step": (
        make_pipeline(CLASSIFIER),
        {"mlpclassifier__solver": ["lbfgs", "adam"]},
        (X64, Y),
        SEVERAL | TRAIN,
        {},
    ),
    "derived": (OfHalf(**LONG), RATES, (X64, Y), SEVERAL, {}),
}

PLACES = [
    *product(["torch"], [*SEARCHES, *ON_TORCH]),
    *product(["cupy"], SEARCHES),
    *product(["array_api_strict"], ["names", "two classes", "weights", "regression"]),
]


def results(module, case, there, **context):
    model, grid, (x, y), options, of_fit = (SEARCHES | ON_TORCH)[case]
    made = module.GridSearchCV(model, grid, **{"cv": theirs.KFold(2)} | options)
    y = y if y.dtype.kind == "U" else there(y)
    of_fit = {name: there(values) for name, values in of_fit.items()}
    with config_context(**context):
        return heard(lambda: made.fit(there(x), y, **of_fit))


@pytest.mark.parametrize(("library", "case"), PLACES, ids=map("-".join, PLACES))
def test_a_search_has_the_scores_of_scikit_learns_on_the_host(library, case):
    there = pytest.importorskip(library).asarray
    # Strict arrays take no index of NumPy's, which scikit-learn gives them without its dispatch.
    needs_dispatch = library == "array_api_strict"
    found, warned = results(ours, case, there, array_api_dispatch=needs_dispatch)
    expected, expected_warned = results(theirs, case, np.asarray)
    assert list(found.cv_results_) == list(expected.cv_results_)
    for name, values in expected.cv_results_.items():
        if "_test_" in name or "_train_" in name:
            np.testing.assert_allclose(found.cv_results_[name], values, 1e-7, err_msg=name)
    assert found.best_params_ == expected.best_params_
    assert repr(found.scorer_) == repr(expected.scorer_)
    assert repr(pickle.loads(pickle.dumps(found.scorer_))) == repr(expected.scorer_)
    assert _of_scores(warned) == _of_scores(expected_warned)


def _of_scores(warned):
    """Those that are not of numbers too large for the library, which libraries give or do not."""
    return Counter(entry for entry in warned if entry[1] is not RuntimeWarning)


@pytest.mark.parametrize("library", ["torch", "cupy"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", SEVERAL["scoring"]], ids=str)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs")
def test_a_search_scores_other_samples_by_its_scorer(library, solver, scoring):
    """If its fits went one by one, too."""
    there = pytest.importorskip(library).asarray
    refit = "neg_log_loss" if isinstance(scoring, list) else True
    options = {"scoring": scoring, "refit": refit, "cv": theirs.KFold(2)}
    model = MLPClassifier(**{**LONG, "solver": solver})
    found, expected = (
        module.GridSearchCV(model, {"alpha": [1e-3, 1.0]}, **options)
        .fit(take(X64[50:]), take(Y[50:]))
        .score(take(X64[:50]), take(Y[:50]))
        for module, take in ((ours, there), (theirs, np.asarray))
    )
    assert found == pytest.approx(expected, rel=1e-7)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_on_another_device_than_the_current_one(second_cuda_device):
    """Fits that train side by side, and one by one."""

    def there(values):
        return backend.asarray(values, backend=second_cuda_device.backend, dtype=values.dtype.name)

    found, _ = results(ours, "one by one", there)
    expected, _ = results(theirs, "one by one", np.asarray)
    for name in SEVERAL["scoring"]:
        name = f"mean_test_{name}"
        np.testing.assert_allclose(found.cv_results_[name], expected.cv_results_[name], 1e-7)
    options = {"scoring": "f1_macro", "cv": theirs.KFold(2)}
    scores = ours.cross_val_score(CLASSIFIER, there(X64), there(Y), **options)
    assert scores.tolist() == theirs.cross_val_score(CLASSIFIER, X64, Y, **options).tolist()


def test_on_jax_too():
    there = pytest.importorskip("jax.numpy").asarray
    (found, _), (expected, _) = (
        results(module, "names", there) for module, there in ((ours, there), (theirs, np.asarray))
    )
    for name in SEVERAL["scoring"]:
        name = f"mean_test_{name}"
        np.testing.assert_allclose(found.cv_results_[name], expected.cv_results_[name], 1e-3)


@pytest.mark.parametrize("at_once", [1, 2000, answers.AT_ONCE])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_each_score_is_its_estimators_to_the_bit(at_once, monkeypatch):
    """However many are read at once."""
    monkeypatch.setattr(answers, "AT_ONCE", at_once)
    x, y = map(pytest.importorskip("torch").asarray, (X, Y % 3))
    options = {"return_estimator": True, "return_indices": True, "cv": 4} | TRAIN
    scoring = ["f1_macro", "neg_log_loss"]
    result = ours.cross_validate(MLPClassifier(**SMALL), x, y, scoring=scoring, **options)
    for part in ("test", "train"):
        asked = list(zip(result["estimator"], result["indices"][part], strict=True))
        labels = [(y[rows].numpy(), one.predict(x[rows]).numpy()) for one, rows in asked]
        expected = [f1_score(*pair, average="macro") for pair in labels]
        assert result[f"{part}_f1_macro"].tolist() == expected
        chances = [(y[rows].numpy(), one.predict_proba(x[rows]).numpy()) for one, rows in asked]
        assert result[f"{part}_neg_log_loss"].tolist() == [-log_loss(*pair) for pair in chances]
    assert min(result["score_time"]) > 0
    assert not any({"_last_layer", "score"} & vars(one).keys() for one in result["estimator"])


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_metrics_of_the_users_are_given_what_lies_there():
    torch = pytest.importorskip("torch")
    kinds = set()

    def metric(y_true, y_pred):
        kinds.update((type(y_true), type(y_pred)))
        return f1_score(y_true, y_pred, average="macro")

    def scorer(estimator, X, y):
        kinds.update((type(X), type(estimator.predict(X))))
        return 1.0

    scoring = {"metric": make_scorer(metric), "scorer": scorer, "f1": "f1_macro", "own": None}
    data = map(torch.asarray, (X, Y))
    result = ours.cross_validate(MLPClassifier(**SMALL), *data, scoring=scoring, cv=2)
    assert kinds == {torch.Tensor}
    np.testing.assert_array_equal(result["test_metric"], result["test_f1"])


# Targets, and of each fold that the test samples are finite and which classes there are; outputs.
CLASSES_READ, REAL_READ = 2 * FOLDS + 2, FOLDS + 2

READS = {
    "name": (MLPClassifier, (X, Y), {"scoring": "f1_macro"}, {}, CLASSES_READ),
    # Own scores, of which accuracy is one, by another read.
    "names": (MLPClassifier, (X, Y), SEVERAL | {"refit": False}, {}, CLASSES_READ + 1),
    "train": (MLPClassifier, (X, Y), {"scoring": "neg_log_loss"} | TRAIN, {}, CLASSES_READ),
    "two classes": (MLPClassifier, (X, Y % 2), OF_TWO | {"refit": False}, {}, CLASSES_READ),
    "labels on the host": (MLPClassifier, (X, None), {"scoring": "f1_macro"}, {}, CLASSES_READ - 1),
    "weights": (
        MLPClassifier,
        (X, Y),
        {"scoring": "accuracy"},
        {"sample_weight": W},
        CLASSES_READ + 1,
    ),
    "regression": (
        MLPRegressor,
        (REAL_X.astype("f4"), REAL_Y.astype("f4")),
        {"scoring": ERRORS, "refit": False},
        {},
        REAL_READ,
    ),
}


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
@pytest.mark.parametrize("candidates", [2, 6])
@pytest.mark.parametrize(("make", "data", "options", "of_fit", "reads"), READS.values(), ids=READS)
def test_answers_are_read_once(make, data, options, of_fit, reads, candidates, monkeypatch):
    """However many candidates and scorers there are."""
    there = pytest.importorskip("cupy").asarray
    x, y = there(data[0]), Y if data[1] is None else there(data[1])
    of_fit = {name: there(values) for name, values in of_fit.items()}
    options = {"cv": theirs.KFold(FOLDS), "refit": False} | options
    grid = {"alpha": np.logspace(-5, 0, candidates)}
    search = ours.GridSearchCV(make(**SHORT), grid, **options)
    assert reads_of(lambda: search.fit(x, y, **of_fit), monkeypatch) == reads


VALIDATIONS = {
    "scores": ("cross_val_score", {}),
    "several": ("cross_validate", TRAIN),
    "curve": ("validation_curve", {"param_name": "alpha", "param_range": [1e-5, 1e-2, 1.0]}),
}


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
@pytest.mark.parametrize(("name", "options"), VALIDATIONS.values(), ids=VALIDATIONS)
def test_validations_read_as_often(name, options, monkeypatch):
    x, y = map(pytest.importorskip("cupy").asarray, (X, Y))
    options = {"cv": theirs.KFold(FOLDS), "scoring": "f1_macro"} | options
    call = getattr(ours, name)
    found = reads_of(lambda: call(MLPClassifier(**SHORT), x, y, **options), monkeypatch)
    assert found == CLASSES_READ


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
def test_what_is_read_at_once_is_bounded(monkeypatch):
    """Two fits of a fold of 101 samples with three classes fill 600 numbers."""
    monkeypatch.setattr(answers, "AT_ONCE", 600)
    x, y = map(pytest.importorskip("cupy").asarray, (X, Y % 3))
    grid = {"alpha": np.logspace(-5, 0, 4)}
    search = ours.GridSearchCV(
        MLPClassifier(**SHORT), grid, scoring="f1_macro", cv=theirs.KFold(2), refit=False
    )
    assert reads_of(lambda: search.fit(x, y), monkeypatch) == 2 * 2 + 1 + 4
