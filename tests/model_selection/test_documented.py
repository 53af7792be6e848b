"""Uses that scikit-learn documents of its searches, cross-validation and bagging, of ours.

Each is a function of the module and of an estimator, one of ours where it can be: its result must
be that of scikit-learn's module.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import expon, loguniform
from sklearn import config_context, ensemble
from sklearn import model_selection as theirs
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import Lasso
from sklearn.linear_model import LogisticRegression as TheirLogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, recall_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor

from tests.model_selection.cases import heard
from xpnet import LogisticRegression, MLPClassifier, MLPRegressor
from xpnet import model_selection as ours

IRIS = load_iris(return_X_y=True)
DIABETES = [each[:150] for each in load_diabetes(return_X_y=True)]
NET = MLPClassifier((6,), batch_size=40, max_iter=4, learning_rate_init=0.03, random_state=0)
REAL_NET = MLPRegressor(hidden_layer_sizes=(6,), batch_size=40, max_iter=4, random_state=0)
SVM, LASSO = SVC(C=1.0, kernel="linear", random_state=0), Lasso(0.1)
SCALED = make_pipeline(StandardScaler(), NET)
RATES = {"learning_rate_init": [0.003, 0.03]}
PENALTIES = {"kernel": ("linear", "rbf"), "C": [1, 10]}


def cheapest(results):
    """The first of the candidates that are as good as the best but for a standard deviation."""
    scores = results["mean_test_score"]
    best = int(np.argmax(scores))
    return int(np.flatnonzero(scores >= scores[best] - results["std_test_score"][best])[0])


def least_recall(estimator, X, y):
    return {
        "accuracy": accuracy_score(y, estimator.predict(X)),
        "recall": recall_score(y, estimator.predict(X), average=None).min(),
    }


def grid(params, data=IRIS, fit_params=None, **options):
    """What a grid search finds, and how its best estimator predicts."""

    def use(module, model):
        search = module.GridSearchCV(model, params, **options).fit(*data, **fit_params or {})
        found = {name: v for name, v in search.cv_results_.items() if not name.endswith("_time")}
        if search.refit:
            found |= {"best": search.best_index_, "predicted": search.predict(data[0])}
        return found

    return use


def randomized(params, **options):
    def use(module, model):
        search = module.RandomizedSearchCV(model, params, random_state=0, **options).fit(*IRIS)
        return search.cv_results_["params"], search.cv_results_["mean_test_score"]

    return use


def nested(module, model, params):
    inner = theirs.KFold(2, shuffle=True, random_state=1)
    outer = theirs.KFold(2, shuffle=True, random_state=2)
    return module.cross_val_score(module.GridSearchCV(model, params, cv=inner), *IRIS, cv=outer)


def validated(data=IRIS, **options):
    def use(module, model):
        found = module.cross_validate(model, *data, **options)
        found.pop("estimator", None)
        return {name: v for name, v in found.items() if not name.endswith("_time")}

    return use


def routed(module, model):
    """Weights that both `fit` and the scorer ask for."""
    weights = np.linspace(0.1, 1.0, len(IRIS[1]))
    with config_context(enable_metadata_routing=True):
        model = (
            clone(model).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = module.GridSearchCV(model, RATES, cv=2).fit(*IRIS, sample_weight=weights)
        params = {"sample_weight": weights}
        found = module.cross_validate(model, *IRIS, params=params, cv=2)
    return search.cv_results_["mean_test_score"], found["test_score"]


def curve(name, values, data=IRIS):
    return lambda module, model: module.validation_curve(
        model, *data, param_name=name, param_range=values, cv=2
    )


def predicted(method="predict", data=IRIS, **options):
    return lambda module, model: module.cross_val_predict(model, *data, method=method, **options)


def scored(data=IRIS, **options):
    return lambda module, model: module.cross_val_score(model, *data, **options)


SELECTED = Pipeline([("select", SelectKBest()), ("scale", StandardScaler()), ("model", NET)])
REDUCED = Pipeline([("reduce", PCA(random_state=0)), ("model", NET)])
GROUPS = np.arange(150) // 10
TWO_SCORES = {"accuracy": "accuracy", "recall": make_scorer(recall_score, average="macro")}
SPLITTER = theirs.ShuffleSplit(2, test_size=0.3, random_state=0)

USES = {
    "grid": (grid(RATES, cv=3), NET),
    "grid-svm": (grid(PENALTIES), SVM),
    "grid-of-grids": (
        grid([RATES, {"solver": ["sgd"], "momentum": [0.5, 0.9], "alpha": [0.1]}], cv=2),
        NET,
    ),
    "refit-by-function": (grid({"hidden_layer_sizes": [(2,), (6,)]}, refit=cheapest, cv=3), NET),
    "scores-of-a-function": (grid(RATES, scoring=least_recall, refit="recall", cv=2), NET),
    "two-scores": (
        grid(RATES, scoring=TWO_SCORES, refit="accuracy", return_train_score=True, cv=2),
        NET,
    ),
    "no-refit": (grid(RATES, scoring=["accuracy", "f1_macro"], refit=False, cv=SPLITTER), NET),
    "steps-before": (grid({"select__k": [1, 3], "model__alpha": [0.1]}, cv=2), SELECTED),
    "a-step-replaced": (grid({"reduce": ["passthrough", PCA(2)]}, cv=2), REDUCED),
    "the-model-replaced": (grid({"model": [NET, SVM]}, cv=2), REDUCED),
    "grid-of-groups": (
        grid(RATES, cv=theirs.GroupKFold(3), fit_params={"groups": GROUPS}),
        NET,
    ),
    "grid-lasso": (grid({"alpha": [0.01, 1.0]}, DIABETES), LASSO),
    "grid-regressor": (grid(RATES, DIABETES, scoring="neg_mean_absolute_error", cv=2), REAL_NET),
    "random": (randomized({"learning_rate_init": loguniform(1e-3, 1e-1)}, n_iter=2, cv=2), NET),
    "random-svm": (randomized({"C": expon(scale=10), "kernel": ["rbf"]}, n_iter=2, cv=2), SVM),
    "random-logistic": (randomized({"C": expon(scale=4)}, n_iter=2, cv=2), LogisticRegression()),
    "nested": (lambda module, model: nested(module, model, RATES), NET),
    "nested-svm": (lambda module, model: nested(module, model, {"C": [1, 10]}), SVM),
    "validate": (validated(cv=3, return_train_score=True, return_indices=True), SCALED),
    "validate-two": (
        validated(DIABETES, scoring=("r2", "neg_mean_squared_error"), return_estimator=True, cv=2),
        REAL_NET,
    ),
    "validate-lasso": (validated(DIABETES, cv=3), LASSO),
    "validate-groups": (validated(groups=GROUPS, cv=theirs.LeaveOneGroupOut()), SVM),
    "score": (scored(scoring="f1_macro", cv=SPLITTER), NET),
    "score-svm": (scored(cv=5), SVM),
    "score-splits": (scored(cv=[(np.arange(100), np.arange(100, 150))] * 2), SCALED),
    "score-lasso": (scored(DIABETES, cv=3), LASSO),
    "predict": (predicted(cv=3), SCALED),
    "predict-proba": (predicted("predict_proba", cv=theirs.StratifiedKFold(2)), NET),
    "predict-lasso": (predicted(data=DIABETES, cv=3), LASSO),
    "curve": (curve("alpha", [1e-3, 1.0]), NET),
    "curve-of-a-step": (curve("mlpclassifier__alpha", [1e-3, 1.0]), SCALED),
    "curve-logistic": (curve("C", [1e-3, 1.0]), TheirLogisticRegression()),
    "routed": (routed, NET),
}


@pytest.mark.parametrize(("use", "model"), USES.values(), ids=USES)
def test_the_result_is_scikit_learns(use, model):
    (found, _), (expected, _) = heard(lambda: use(ours, model)), heard(lambda: use(theirs, model))
    np.testing.assert_equal(found, expected)


OF_CLASSES = make_classification(
    100, 4, n_informative=2, n_redundant=0, shuffle=False, random_state=0
)
OF_NUMBERS = make_regression(100, 4, n_informative=2, shuffle=False, random_state=0)


def bagged(name, n_estimators=4, data=OF_CLASSES, of_fit=None, **options):
    """What an ensemble says of one sample in a list, and of others; what was drawn for it."""

    def use(module, model):
        made = getattr(module, name)(model, n_estimators, random_state=0, **options)
        fitted = made.fit(*data, **of_fit or {})
        names = "oob_score_", "oob_decision_function_", "oob_prediction_", "classes_"
        found = {name: getattr(fitted, name) for name in names if hasattr(fitted, name)}
        found |= {"drawn": (fitted.estimators_samples_, fitted.estimators_features_)}
        found |= {"one": fitted.predict([[0, 0, 0, 0]]), "score": fitted.score(*data)}
        for method in ("predict_proba", "predict_log_proba", "decision_function"):
            if hasattr(fitted, method):
                found[method] = getattr(fitted, method)(data[0])
        return found

    return use


def grown(module, model):
    """Members that a second fit adds to those of the first."""
    growing = module.BaggingClassifier(model, 2, warm_start=True, random_state=0).fit(*OF_CLASSES)
    growing.set_params(n_estimators=4).fit(*OF_CLASSES)
    return len(growing.estimators_), growing.predict_proba(OF_CLASSES[0])


def searched(module, model):
    """The number of members, and a parameter of theirs, in a search."""
    values = {"n_estimators": [2, 3], "estimator__alpha": [1e-4, 1.0]}
    search = theirs.GridSearchCV(module.BaggingClassifier(model, random_state=0), values, cv=2)
    return search.fit(*OF_CLASSES).cv_results_["mean_test_score"]


def weighed(module, model):
    """Weights by which samples are drawn, and which are routed to the members."""
    weights = np.linspace(0.1, 1.0, 100)
    drawn = bagged("BaggingClassifier", of_fit={"sample_weight": weights}, max_samples=0.5)
    with config_context(enable_metadata_routing=True):
        asks = clone(model).set_fit_request(sample_weight=True)
        return drawn(module, model), drawn(module, asks)


CLASSIFIER, REGRESSOR = "BaggingClassifier", "BaggingRegressor"
ENSEMBLES = {
    "svm": (bagged(CLASSIFIER, 10), SVC()),
    "svr": (bagged(REGRESSOR, 10, OF_NUMBERS), SVR()),
    "net": (bagged(CLASSIFIER), NET),
    "real-net": (bagged(REGRESSOR, data=OF_NUMBERS), REAL_NET),
    "patches": (
        bagged(CLASSIFIER, max_samples=0.5, max_features=0.5),
        KNeighborsClassifier(),
    ),
    "patches-of-nets": (bagged(CLASSIFIER, max_samples=0.5, max_features=0.5), NET),
    "pasting": (bagged(REGRESSOR, data=OF_NUMBERS, max_samples=30, bootstrap=False), REAL_NET),
    "subspaces": (
        bagged(CLASSIFIER, bootstrap=False, max_features=2, bootstrap_features=True),
        NET,
    ),
    "out-of-bag": (bagged(CLASSIFIER, 12, oob_score=True), NET),
    "out-of-bag-numbers": (bagged(REGRESSOR, 12, OF_NUMBERS, oob_score=True), REAL_NET),
    "trees": (bagged(REGRESSOR, data=OF_NUMBERS), DecisionTreeRegressor(random_state=0)),
    "scaled": (bagged(CLASSIFIER), SCALED),
    "logistic": (bagged(CLASSIFIER), LogisticRegression()),
    "warm-start": (grown, NET),
    "searched": (searched, NET),
    "weights": (weighed, NET),
}


@pytest.mark.parametrize(("use", "model"), ENSEMBLES.values(), ids=ENSEMBLES)
def test_the_ensemble_is_scikit_learns(use, model):
    (found, warned), (expected, expected_warned) = (
        heard(lambda module=module: use(module, model)) for module in (ours, ensemble)
    )
    np.testing.assert_equal(found, expected)
    assert sorted(map(str, warned)) == sorted(map(str, expected_warned))
