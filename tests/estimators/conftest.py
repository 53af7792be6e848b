"""Digits for the estimators' tests, and what scikit-learn's array dispatch needs."""

from __future__ import annotations

import os
from typing import NamedTuple

# scikit-learn asks for it before it dispatches, SciPy reads it when it is imported.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import pytest
from sklearn.datasets import load_digits


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
