"""Bagging: the results of scikit-learn's classes, to the bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn import config_context
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


def test_members_do_not_write_into_one_folder(tmp_path):
    member = MLPClassifier(checkpoint=Checkpoints(tmp_path), **SMALL)
    with pytest.raises(ValueError, match=r"is for one fit, but here are 2, .* checkpoint=None"):
        BaggingClassifier(member, 2, random_state=0).fit(X, Y)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_the_ensemble_follows_its_arrays(kind):
    torch = pytest.importorskip("torch")
    made, model, x, y = {
        "Classifier": (BaggingClassifier, MLPClassifier(**SMALL), X, Y % 3 + 5),
        "Regressor": (BaggingRegressor, MLPRegressor(**SMALL), REAL_X.astype("f4"), REAL_Y),
    }[kind]
    model = made(model, 25, max_features=0.5, oob_score=True, random_state=0)
    methods = {
        "Classifier": ("predict", "predict_proba", "predict_log_proba", "predict_spread"),
        "Regressor": ("predict", partial(BaggingRegressor.predict, return_std=True)),
    }[kind]

    def answers(x, y):
        fitted = model.fit(x, y)
        found = [getattr(fitted, m)(x) if isinstance(m, str) else m(fitted, x)[1] for m in methods]
        return found, fitted.oob_score_

    expected, expected_score = answers(x, y)
    with config_context(array_api_dispatch=True):
        found, score = answers(torch.asarray(x), torch.asarray(y))
    assert all(isinstance(one, torch.Tensor) for one in found)
    assert score == pytest.approx(expected_score, abs=1e-5)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-3, atol=1e-5)
