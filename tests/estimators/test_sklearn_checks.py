"""scikit-learn's own checks of an estimator, every one of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_classifiers_train, parametrize_with_checks

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def skip_without_its_gpu(check: Any) -> None:
    """A check skips itself only where CuPy is not installed, or PyTorch was built without CUDA."""
    keywords = check.keywords if isinstance(check, partial) else {}
    places = {(keywords.get("array_namespace"), keywords.get("device_name"))}
    places |= {value for name, value in keywords.items() if name.endswith("ns_and_device")}
    if ("torch", "cuda") in places and not pytest.importorskip("torch").cuda.is_available():
        pytest.skip("no CUDA device answers")
    if "cupy" in {library for library, _ in places}:
        try:
            backend.resolve("cupy")
        except backend.BackendError as error:
            pytest.skip(str(error))


# As many epochs as scikit-learn checks its own with.
MLPS = MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)
ELASTIC_NET = LogisticRegression(solver="saga", l1_ratio=0.5)


@parametrize_with_checks([LogisticRegression(), ELASTIC_NET, *MLPS])
def test_check(estimator, check):
    skip_without_its_gpu(check)
    check(estimator)


@pytest.mark.parametrize("readonly", [False, True])
def test_a_training_that_goes_on_to_certainty(readonly):
    """L-BFGS makes some classes so improbable that only their logarithms tell them from 0."""
    check_classifiers_train("MLPClassifier", MLPClassifier(solver="lbfgs"), readonly)
