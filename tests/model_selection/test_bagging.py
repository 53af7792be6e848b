"""Bagging: the results of scikit-learn's classes, to the bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn import ensemble as theirs

from tests.model_selection.cases import REAL_X, REAL_Y, SMALL, X, Y, heard
from xpnet import (
    BaggingClassifier,
    BaggingRegressor,
    Checkpoints,
    MLPClassifier,
    MLPRegressor,
)

ENSEMBLES = {
    "oob": {"oob_score": True},
    "features": {"max_features": 0.5, "bootstrap_features": True, "max_samples": 0.7},
    "pasting": {"bootstrap": False, "max_samples": 0.5},
}


@pytest.mark.parametrize("options", ENSEMBLES.values(), ids=ENSEMBLES)
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_the_ensemble_is_scikit_learns(kind, options):
    ours, data, model = {
        "Classifier": (BaggingClassifier, (X, Y), MLPClassifier(**SMALL)),
        "Regressor": (BaggingRegressor, (REAL_X, REAL_Y), MLPRegressor(**SMALL)),
    }[kind]
    (found, warned), (expected, expected_warned) = (
        heard(partial(made(model, 4, random_state=0, **options).fit, *data))
        for made in (ours, getattr(theirs, f"Bagging{kind}"))
    )
    np.testing.assert_equal(found.predict(data[0]), expected.predict(data[0]))
    if "oob_score" in options:
        assert found.oob_score_ == expected.oob_score_
    assert vars(found).keys() == vars(expected).keys()
    assert sorted(map(str, warned)) == sorted(map(str, expected_warned))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_members_that_disagree_spread():
    model = BaggingRegressor(MLPRegressor(**SMALL), 3, random_state=0).fit(REAL_X, REAL_Y)
    mean, deviation = model.predict(REAL_X, return_std=True)
    answers = [member.predict(REAL_X) for member in model.estimators_]
    np.testing.assert_allclose(mean, np.mean(answers, axis=0))
    np.testing.assert_allclose(deviation, np.std(answers, axis=0))
    classifier = BaggingClassifier(MLPClassifier(**SMALL), 3, random_state=0).fit(X, Y)
    answers = [member.predict_proba(X) for member in classifier.estimators_]
    np.testing.assert_allclose(classifier.predict_spread(X), np.std(answers, axis=0), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_members_do_not_write_into_one_folder(tmp_path):
    member = MLPClassifier(checkpoint=Checkpoints(tmp_path), **SMALL)
    with pytest.raises(ValueError, match="holds a run that is another"):
        BaggingClassifier(member, 2, random_state=0).fit(X, Y)
