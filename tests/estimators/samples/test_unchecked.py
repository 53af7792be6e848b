"""Data that need none of scikit-learn's checks, and data that do."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning

from xpnet import LogisticRegression, MLPClassifier
from xpnet.estimators._samples import validation

HUGE = np.finfo(np.float64).max

WITH_CHECKS = {
    "a list": [[1.0, 2.0]],
    "whole numbers": np.ones((3, 2), int),
    "half precision": np.ones((3, 2), np.float16),
    "another byte order": np.ones((3, 2), np.dtype("d").newbyteorder()),
    "a sum that overflows": np.full((3, 2), HUGE),
    "a frame": pd.DataFrame({"a": [1.0], "b": [2.0]}),
}
REFUSED = {
    "nan": np.asarray([[1.0, np.nan]]),
    "infinity": np.asarray([[np.inf, 1.0]]),
    "no rows": np.empty((0, 2)),
    "a vector": np.ones(2),
    "three features": np.ones((3, 3)),
    "masked": np.ma.masked_array(np.ones((3, 2)), mask=np.eye(3, 2)),
}


@pytest.fixture
def fitted():
    return LogisticRegression().fit(np.asarray([[0.0, 1.0], [1.0, 0.0]]), [0, 1])


@pytest.fixture
def checks(monkeypatch):
    """The arguments that scikit-learn's checks are called with."""
    seen, checked = [], validation.validate_data

    def noted(estimator, *data, **options):
        seen.append(data)
        return checked(estimator, *data, **options)

    monkeypatch.setattr(validation, "validate_data", noted)
    return seen


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_needs_no_check_to_be_predicted_gets_none(fitted, checks, dtype, order):
    X = np.asarray([[0.0, 2.0], [2.0, 0.0], [1.0, 0.0]], dtype, order=order)
    assert fitted.predict(X).tolist() == [0, 1, 1]
    assert checks == []


def test_what_needs_no_check_to_be_learned_further_gets_none(checks):
    rng = np.random.default_rng(0)
    X, y = rng.random((30, 3)), np.arange(30) % 3
    model = MLPClassifier((4,), random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    checks.clear()
    model.partial_fit(X, y)
    assert checks == []
    for other, labels in ((X, y.tolist()), (X, y[:, None] * 1.0), (X.tolist(), y)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataConversionWarning)
            model.partial_fit(other, labels)
    assert len(checks) == 3
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.partial_fit(X, y[1:])


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.parametrize("X", WITH_CHECKS.values(), ids=WITH_CHECKS)
def test_what_is_predicted_after_checks(fitted, checks, X):
    assert len(fitted.predict(X)) == len(X)
    assert len(checks) == 1


@pytest.mark.parametrize("X", REFUSED.values(), ids=REFUSED)
def test_what_is_not_predicted(fitted, X):
    with pytest.raises((ValueError, TypeError)):
        fitted.predict(X)


def test_names_that_are_missing_are_warned_of():
    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    model = LogisticRegression().fit(frame, [0, 1])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(frame.to_numpy())
