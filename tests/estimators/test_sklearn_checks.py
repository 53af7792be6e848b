"""scikit-learn's own checks of an estimator, every one of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_classifiers_train, parametrize_with_checks

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def skip_without_its_gpu(check: Any) -> None:
    """CuPy alone is not skipped by the check itself where it is installed and has no GPU."""
    if isinstance(check, partial) and check.keywords.get("array_namespace") == "cupy":
        try:
            backend.resolve("cupy")
        except backend.BackendError as error:
            pytest.skip(str(error))


@parametrize_with_checks([LogisticRegression(), MLPClassifier(), MLPRegressor()])
def test_check(estimator, check):
    skip_without_its_gpu(check)
    check(estimator)


@pytest.mark.parametrize("readonly", [False, True])
def test_a_training_that_goes_on_to_certainty(readonly):
    """L-BFGS makes some classes so improbable that only their logarithms tell them from 0."""
    check_classifiers_train("MLPClassifier", MLPClassifier(solver="lbfgs"), readonly)
