"""scikit-learn's own checks: a search or an ensemble fails none that its own class passes."""

from __future__ import annotations

from unittest import SkipTest

import pytest
from sklearn import ensemble, model_selection
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from xpnet import BaggingClassifier, BaggingRegressor, MLPClassifier, MLPRegressor
from xpnet.model_selection import GridSearchCV, RandomizedSearchCV

FEW = {"max_iter": 2, "batch_size": 20, "learning_rate_init": 0.1, "random_state": 0}
NET = MLPClassifier(hidden_layer_sizes=(2,), **FEW)
REAL_NET = MLPRegressor(hidden_layer_sizes=(2,), **FEW)
ONE_SPLIT = model_selection.ShuffleSplit(1, random_state=0)

OURS = {
    "GridSearchCV": GridSearchCV(NET, {"alpha": [1e-4, 1e-1]}, cv=2),
    "RandomizedSearchCV": RandomizedSearchCV(
        REAL_NET, {"alpha": [1e-4, 1e-1]}, n_iter=1, cv=ONE_SPLIT, random_state=0
    ),
    "BaggingClassifier": BaggingClassifier(NET, 2, random_state=0),
    "BaggingRegressor": BaggingRegressor(REAL_NET, 2, random_state=0),
}


def raised(estimator, check):
    """The kind of error that a check ends in; None where it passes."""
    try:
        check(clone(estimator))
    except (Exception, SkipTest) as error:
        return type(error)
    return None


@pytest.mark.filterwarnings("ignore")  # of few iterations, of fits that are to fail
@pytest.mark.parametrize("name", OURS)
def test_what_fails_fails_as_well_with_scikit_learns_class(name):
    """Such as that a weight of 2 is a sample twice, where samples are drawn by chance."""
    ours, params = OURS[name], OURS[name].get_params(deep=False)
    params.pop("memory", None)  # ours alone has it
    theirs = getattr(ensemble if hasattr(ensemble, name) else model_selection, name)(**params)
    checks = [check for _, check in estimator_checks_generator(ours)]
    found = [(raised(ours, check), check) for check in checks]
    failed = [(kind, check) for kind, check in found if kind not in (None, SkipTest)]
    assert sum(kind is not SkipTest for kind, _ in found) >= 50
    assert failed == [(raised(theirs, check), check) for _, check in failed]
