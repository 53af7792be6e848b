"""Probabilities, their logarithms, and accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend

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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("several", [False, True], ids=["labels", "multilabel"])
@pytest.mark.parametrize("weighted", [False, True])
def test_accuracy_is_that_of_scikit_learn(few, on_device, several, weighted):
    """In float32 to the last bit of float64, where the library has that."""
    y = np.stack([few.y % 2, few.y > 4], axis=1) if several else few.y
    s = np.linspace(0, 1, 200, dtype=np.float32) if weighted else None
    X, Y = (
        on_device.asarray(few.X),
        on_device.asarray(y, "int64"),
    )
    weight = None if s is None else on_device.asarray(s)
    validation = {"X_val": X, "y_val": Y, "sample_weight_val": weight}
    model = MLPClassifier((8,), max_iter=1, random_state=0).fit(X, Y, **validation)
    predicted = on_device.to_numpy(model.predict(X))
    expected = accuracy_score(y, predicted, sample_weight=s)
    exact = on_device.name != "jax" and not weighted
    rel = 0 if exact else 1e-6
    assert model.score(X, Y, weight) == pytest.approx(expected, rel=rel, abs=0)
    assert model.validation_scores_ == pytest.approx([expected], rel=rel, abs=0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_labels_on_the_host_are_scored_where_the_samples_lie(few, on_device):
    X, Y = on_device.asarray(few.X), on_device.asarray(few.y, "int64")
    model = MLPClassifier((8,), max_iter=1, random_state=0).fit(X, Y)
    assert model.score(X, few.y.astype(on_device.to_numpy(model.classes_).dtype)) == (
        model.score(X, Y)
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("base", [MLPClassifier, MLPRegressor, LogisticRegression])
def test_a_derived_class_is_scored_by_its_own_predictions(few, on_device, base):
    """As scikit-learn's mixins do it, wherever the samples lie."""

    class Shifted(base):
        def predict(self, X):
            return super().predict(X) + 1

    own = {} if base is LogisticRegression else {"hidden_layer_sizes": (8,), "max_iter": 1}
    X, y = on_device.asarray(few.X), on_device.asarray(few.y, "int64")
    s = np.linspace(0, 1, 200, dtype=np.float32)
    model = Shifted(**own, random_state=0).fit(X, y)
    score = r2_score if base is MLPRegressor else accuracy_score
    expected = score(few.y, on_device.to_numpy(model.predict(X)), sample_weight=s)
    assert model.score(X, y, on_device.asarray(s)) == expected


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_whole_numbers_may_have_fractions_as_weights(few, on_device, estimator):
    whole = 16 * few.X
    X, y = on_device.asarray(whole), on_device.asarray(few.y)
    s = on_device.asarray(np.linspace(0, 1, 200))
    model = estimator(hidden_layer_sizes=(8,), max_iter=1, random_state=0).fit(X, y)
    assert model.score(on_device.asarray(whole, "int32"), y, s) == model.score(X, y, s)
