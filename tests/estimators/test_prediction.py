"""Probabilities and their logarithms say the same, however improbable a class is."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet import LogisticRegression, MLPClassifier, backend

LOGITS = np.concatenate([np.linspace(-80, 80, 161), [-1e-8, 0.0, 1e-8]])


def fitted(estimator, classes, dtype):
    """A classifier whose first logit is its X: of two classes, or of three, the others' 0."""
    X, y = np.eye(3, 1, dtype=dtype), np.arange(3) % classes
    model = estimator.fit(X, y)
    W = np.eye(1, 1 if classes == 2 else 3, dtype=dtype)
    if hasattr(model, "coefs_"):
        model.coefs_, model.intercepts_ = [W], [0.0 * W[0]]
    else:
        model.coef_, model.intercept_ = W.T, 0.0 * W[0]
    return model


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("estimator", "dtype", "library"),
    [
        (MLPClassifier((), max_iter=1), np.float32, "numpy"),
        (MLPClassifier((), max_iter=1), np.float64, "numpy"),
        (MLPClassifier((), max_iter=1), np.float64, "torch"),
        (MLPClassifier((), max_iter=1), np.float32, "jax"),
        (LogisticRegression(), np.float64, "numpy"),
    ],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_logarithm_of_each_probability(estimator, classes, dtype, library):
    model = fitted(estimator, classes, dtype).to_device(library)
    X = backend.asarray(LOGITS[:, None], backend=library, dtype=np.dtype(dtype).name)
    proba = backend.to_numpy(model.predict_proba(X))
    log_proba = backend.to_numpy(model.predict_log_proba(X))
    eps = float(np.finfo(dtype).eps)
    # The logarithm of a number that is rounded is off by eps, whatever its own size.
    np.testing.assert_allclose(np.log(proba), log_proba, rtol=4 * eps, atol=8 * eps)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=4 * eps)
    furthest = np.asarray([[-2000.0], [2000.0]], dtype=dtype)
    far = backend.asarray(furthest, backend=library, dtype=np.dtype(dtype).name)
    smallest = np.finfo(dtype).smallest_normal
    assert backend.to_numpy(model.predict_proba(far)).min(axis=1).tolist() == [smallest] * 2
    lowest = backend.to_numpy(model.predict_log_proba(far)).min(axis=1)
    np.testing.assert_allclose(lowest, np.log(smallest), rtol=eps)
    if classes == 2:
        exact = np.exp(np.minimum(LOGITS, 0.0)) / (1.0 + np.exp(-np.abs(LOGITS)))
        np.testing.assert_allclose(proba[:, 1], exact, rtol=16 * eps)
        np.testing.assert_allclose(proba[:, 0], exact * np.exp(-LOGITS), rtol=16 * eps)
