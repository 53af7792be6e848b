"""Digits for the estimators' tests, and what they need of the environment."""

from __future__ import annotations

import os
from typing import NamedTuple

# scikit-learn asks for it before it dispatches, SciPy reads it when it is imported.
os.environ["SCIPY_ARRAY_API"] = "1"
# torch reads it when it is imported. On arrays this small threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits


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
