"""Estimators in pipelines and searches."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend, optim

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {
    "hidden_layer_sizes": (16,),
    "max_iter": 12,
    "batch_size": 25,
    "learning_rate_init": 0.02,
}


@pytest.fixture
def mlp():
    return MLPClassifier(**SETTINGS, random_state=0)


@pytest.mark.parametrize(
    "around",
    [
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: CalibratedClassifierCV(model, cv=2),
        lambda model: VotingClassifier([("a", model), ("b", clone(model))], voting="soft"),
        lambda model: OneVsRestClassifier(model),
        lambda model: GridSearchCV(model, {"tol": [1e-4, 1e-3]}, cv=2),
    ],
    ids=["Pipeline", "CalibratedClassifierCV", "VotingClassifier", "OneVsRest", "GridSearchCV"],
)
def test_inside(few, classifier, around):
    least = 0.9 if isinstance(classifier, LogisticRegression) else 0.8
    assert around(classifier).fit(*few).score(*few) > least


def test_a_search_over_activations(few, mlp):
    search = GridSearchCV(mlp, {"activation": ["gelu", ("relu",)]}, cv=2)
    assert search.fit(*few).score(*few) > 0.8


def test_cross_validation_in_processes(few, mlp):
    mlp.set_params(solver=optim.adamw(0.02))
    assert cross_val_score(mlp, *few, cv=2, n_jobs=2).mean() > 0.6


def test_a_pipeline_stays_on_the_device(few, classifier):
    X, y = (backend.asarray(a, backend="torch", dtype=a.dtype) for a in few)
    pipeline = make_pipeline(StandardScaler(), classifier)
    with sklearn.config_context(array_api_dispatch=True):
        predicted = pipeline.fit(X, y).predict(X)
    assert backend.where(predicted) == "torch on cpu"
    assert float((predicted == y).double().mean()) > 0.8


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_pickle_and_joblib(few, tmp_path, estimator, library):
    X = backend.asarray(few.X, backend=library)
    model = estimator(**SETTINGS, random_state=0).fit(X, few.y)
    joblib.dump(model, tmp_path / "model.joblib")
    for back in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert (back.predict(X) == model.predict(X)).all()
        back.partial_fit(X, few.y)


def test_clone_forgets_what_was_fitted(few, mlp):
    twin = clone(mlp.fit(*few))
    assert not hasattr(twin, "coefs_")
    assert twin.get_params() == mlp.get_params()


def test_representations(few, mlp):
    assert "MLPClassifier" in mlp.fit(*few)._repr_html_()
    assert repr(MLPClassifier((5,), dropout=0.2)) == (
        "MLPClassifier(dropout=0.2, hidden_layer_sizes=(5,))"
    )


def test_tags():
    tags = get_tags(MLPClassifier())
    assert tags.input_tags.sparse
    assert tags.array_api_support
    assert tags.classifier_tags.multi_label
    assert get_tags(MLPRegressor()).estimator_type == "regressor"


def test_metadata_is_routed(few, mlp):
    X, y = few
    s = y.astype(float)
    direct = clone(mlp).fit(X, y, sample_weight=s, X_val=X, y_val=y)
    with sklearn.config_context(enable_metadata_routing=True):
        mlp.set_fit_request(sample_weight=True, X_val=True, y_val=True)
        mlp.set_score_request(sample_weight=True)
        pipeline = make_pipeline(mlp).fit(X, y, sample_weight=s, X_val=X, y_val=y)
        score = pipeline.score(X, y, sample_weight=s)
    routed = pipeline[-1]
    np.testing.assert_array_equal(routed.coefs_[0], direct.coefs_[0])
    assert routed.validation_scores_ == direct.validation_scores_
    assert score == direct.score(X, y, sample_weight=s)
