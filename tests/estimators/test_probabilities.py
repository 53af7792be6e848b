"""Probabilities of samples that a model is sure of, and their logarithms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_classifiers_train

from xpnet import LogisticRegression, MLPClassifier

MODELS = [LogisticRegression(), MLPClassifier((4,), solver="lbfgs", random_state=0)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("classes", [2, 3])
def test_their_logarithms_are_those_of_the_model(model, classes):
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, 60)
    X = np.eye(classes)[y] + rng.normal(scale=0.1, size=(60, classes))
    model.fit(X, y)
    P = model.predict_proba(10 * X)
    assert 1e-300 < P.min() < 1e-10
    np.testing.assert_allclose(np.log(P), model.predict_log_proba(10 * X), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_are_never_0(dtype):
    X = np.linspace(-1, 1, 20, dtype=dtype)[:, None]
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    X = np.asarray([[1e6], [-1e6]], dtype)
    tiny = np.finfo(dtype).tiny
    np.testing.assert_array_equal(model.predict_proba(X), [[tiny, 1], [1, tiny]])
    log_tiny = np.log(tiny)
    np.testing.assert_allclose(model.predict_log_proba(X), [[log_tiny, 0], [0, log_tiny]])


def test_the_check_of_scikit_learn_with_lbfgs():
    model = MLPClassifier(solver="lbfgs", random_state=0)
    check_classifiers_train("MLPClassifier", model, readonly_memmap=False, X_dtype="float64")
