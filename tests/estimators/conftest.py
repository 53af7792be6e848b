"""Data, classifiers and libraries for the estimators' tests."""

from __future__ import annotations

import os
from typing import NamedTuple

# scikit-learn asks for it before it dispatches, SciPy reads it when it is imported.
os.environ["SCIPY_ARRAY_API"] = "1"
# torch reads it when it is imported. On arrays this small threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from xpnet import LogisticRegression, MLPClassifier


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    """The same for the libraries that are imported already."""
    with threadpool_limits(1):
        yield


class Data(NamedTuple):
    """Samples as rows, and their labels."""

    X: np.ndarray
    y: np.ndarray


@pytest.fixture(scope="session")
def digits() -> Data:
    """All 1,797 digits, float64 between 0 and 1."""
    X, y = load_digits(return_X_y=True)
    return Data(X / 16.0, y)


@pytest.fixture(scope="session")
def few(digits: Data) -> Data:
    """The first 200 of them, in float32."""
    return Data(digits.X[:200].astype(np.float32), digits.y[:200])


CLASSIFIERS = {
    "mlp": MLPClassifier((16,), max_iter=12, batch_size=25, learning_rate_init=0.02),
    "logistic": LogisticRegression(),
}


@pytest.fixture(params=CLASSIFIERS)
def classifier(request):
    """Each classifier, not fitted, for what both do alike."""
    return clone(CLASSIFIERS[request.param]).set_params(random_state=0)


@pytest.fixture
def on_device(eager_xp):
    """The library of the test without the flags that forbid reading sizes from data."""
    if eager_xp.name.startswith("array_api_strict"):
        from array_api_strict import reset_array_api_strict_flags

        reset_array_api_strict_flags()
    return eager_xp
