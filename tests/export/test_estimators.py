"""Estimators as ONNX models, alone and in pipelines: labels, probabilities and numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xpnet
from xpnet.export import onnx as of_onnx

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 4)).astype("float32")
TEXT = np.array(["ab", "cé", "d"])[rng.integers(0, 3, 40)]
TWO = np.array([3, 7])[rng.integers(0, 2, 40)]
SEVERAL = rng.integers(0, 2, (40, 3))
MLP = {"hidden_layer_sizes": (5,), "activation": "tanh", "solver": "lbfgs", "max_iter": 5}

CASES = {
    "text": (xpnet.MLPClassifier(**MLP), TEXT),
    "two": (xpnet.MLPClassifier(**MLP), TWO),
    "several": (xpnet.MLPClassifier(**MLP), SEVERAL),
    "logistic": (xpnet.LogisticRegression(max_iter=5), TEXT),
    "logistic of two": (xpnet.LogisticRegression(max_iter=5), TWO),
    "numbers": (xpnet.MLPRegressor(**MLP), X[:, :2] ** 2),
    "one number": (xpnet.MLPRegressor(**MLP), X[:, 0] ** 2),
}


@pytest.fixture(scope="session")
def skl2onnx(outputs_of):
    found = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    xpnet.register_skl2onnx()
    return found


def assert_as_predicted(model, found, X):
    expected = model.predict(X)
    if not hasattr(model, "predict_proba"):
        (predicted,) = found.values()
        np.testing.assert_allclose(predicted, expected.reshape(len(X), -1), rtol=1e-5, atol=1e-6)
        return
    assert list(found) == ["label", "probabilities"]
    assert found["label"].tolist() == expected.tolist()
    assert found["probabilities"].dtype == X.dtype
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-6)


# lbfgs says that it was stopped early.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("estimator", "y"), CASES.values(), ids=CASES)
def test_an_estimator(outputs_of, estimator, y):
    model = estimator.fit(X, y)
    assert_as_predicted(model, outputs_of(xpnet.to_onnx(model), X), X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "float32") for name in CASES), ("text", "float64")]
)
def test_a_pipeline(outputs_of, skl2onnx, name, dtype):
    estimator, y = CASES[name]
    rows = X.astype(dtype)
    model = make_pipeline(StandardScaler(), estimator).fit(rows, y)
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    found = outputs_of(skl2onnx.to_onnx(model, rows, options=options), rows)
    assert_as_predicted(model, found, rows)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_options_of_skl2onnx(outputs_of, skl2onnx):
    model = xpnet.MLPClassifier(**MLP).fit(X, TEXT)
    found = outputs_of(skl2onnx.to_onnx(model, X, target_opset=19), X)
    assert list(found) == ["output_label", "output_probability"]
    assert set(found["output_probability"][0]) == set(TEXT)
    numbers = skl2onnx.to_onnx(model, X, options={"zipmap": False, "nocl": True})
    codes = outputs_of(numbers, X)["label"]
    assert model.classes_[codes].tolist() == model.predict(X).tolist()
    with pytest.raises(ValueError, match="target_opset is 18: expected 19 or more"):
        skl2onnx.to_onnx(model, X, target_opset=18)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["logistic", "logistic of two", "two"])
def test_calibrated(outputs_of, skl2onnx, name):
    estimator, y = CASES[name]
    model = CalibratedClassifierCV(estimator, cv=2).fit(X, y)
    found = outputs_of(skl2onnx.to_onnx(model, X, options={"zipmap": False}), X)
    assert_as_predicted(model, found, X)


def test_a_model_that_is_given_columns_one_by_one(skl2onnx):
    model = xpnet.LogisticRegression().fit(X, TWO)
    column = skl2onnx.common.data_types.FloatTensorType([None, 1])
    columns = [(name, column) for name in "abcd"]
    with pytest.raises(ValueError, match=r"LogisticRegression is given the inputs a, b, c, d: exp"):
        skl2onnx.to_onnx(model, initial_types=columns)


def test_without_skl2onnx(monkeypatch, outputs_of):
    found = of_onnx.find_spec
    monkeypatch.setattr(of_onnx, "find_spec", lambda name: None if "skl" in name else found(name))
    with pytest.raises(ImportError, match="needs skl2onnx: pip install skl2onnx"):
        xpnet.register_skl2onnx()


def test_what_is_not_ours_or_not_fitted(outputs_of):
    with pytest.raises(TypeError, match=r"model is a Pipeline: .*xpnet.register_skl2onnx\(\) once"):
        xpnet.to_onnx(make_pipeline(StandardScaler(), xpnet.MLPClassifier()))
    with pytest.raises(ValueError, match="is not fitted yet"):
        xpnet.to_onnx(xpnet.MLPClassifier())
    with pytest.raises(TypeError, match="classes is given with a MLPClassifier, which has its own"):
        xpnet.to_onnx(xpnet.MLPClassifier(), classes=["a"])
