"""Bagging: the results of scikit-learn's classes, to the bit."""

from __future__ import annotations

from functools import partial
from itertools import product

import array_api_strict as strict
import numpy as np
import pytest
from sklearn import ensemble as theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.model_selection.cases import REAL_X, REAL_Y, SMALL, X, Y, heard
from tests.standin.place import device_answers
from xpnet import (
    BaggingClassifier,
    BaggingRegressor,
    Checkpoints,
    MLPClassifier,
    MLPRegressor,
    backend,
)
from xpnet.model_selection import bagging

ENSEMBLES = {
    "oob": {"oob_score": True},
    "features": {"max_features": 0.5, "bootstrap_features": True, "max_samples": 0.7},
    "pasting": {"bootstrap": False, "max_samples": 0.5},
}


@pytest.mark.usefixtures("plain_and_fused")
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
    spread = classifier.predict_spread(X)
    np.testing.assert_allclose(spread, np.std(answers, axis=0), rtol=1e-5)
    assert spread.dtype == classifier.predict_proba(X).dtype == "float64"


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:Got `batch_size`")
def test_members_that_know_fewer_classes_spread():
    """A pipeline takes no weights: it is given the samples that were drawn."""
    member = make_pipeline(MLPClassifier(**SMALL))
    model = BaggingClassifier(member, 2, max_samples=12, random_state=0).fit(X, Y)
    answers = np.zeros((2, len(X), 10))
    for answer, member in zip(answers, model.estimators_, strict=True):
        assert len(member.classes_) < 10
        answer[:, model.classes_[member.classes_]] = member.predict_proba(X)
    np.testing.assert_allclose(model.predict_spread(X), np.std(answers, axis=0), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_members_whose_first_steps_make_numpys_arrays():
    asarray = pytest.importorskip("torch").asarray
    member = make_pipeline(FunctionTransformer(np.asarray), MLPClassifier(**SMALL))
    model = BaggingClassifier(member, 2, random_state=0)
    expected = model.fit(X, Y).predict(X)
    found = model.fit(asarray(X), asarray(Y)).predict(asarray(X))
    np.testing.assert_array_equal(found, expected)


def test_members_do_not_write_into_one_folder(tmp_path):
    member = MLPClassifier(checkpoint=Checkpoints(tmp_path), **SMALL)
    with pytest.raises(ValueError, match=r"is for one fit, but here are 2, .* checkpoint=None"):
        BaggingClassifier(member, 2, random_state=0).fit(X, Y)
    assert not list(tmp_path.iterdir())


OF_CLASSIFIERS = ("predict", "predict_proba", "predict_log_proba", "predict_spread")
ELSEWHERE = {
    "oob": (
        BaggingClassifier(MLPClassifier(**SMALL), 8, max_samples=0.2, oob_score=True),
        X,
        Y % 3 + 5,
    ),
    "features": (
        BaggingClassifier(MLPClassifier(**SMALL), 3, **ENSEMBLES["features"]),
        X,
        np.array(list("abcdefghij"))[Y],
    ),
    "regressor": (
        BaggingRegressor(
            MLPRegressor(**SMALL), 8, max_samples=0.2, oob_score=True, max_features=0.5
        ),
        REAL_X.astype("f4"),
        REAL_Y.astype("f4"),
    ),
    "alone": (
        BaggingClassifier(
            MLPClassifier((5,), solver="lbfgs", max_iter=3), 2, bootstrap=False, max_samples=0.5
        ),
        X,
        Y,
    ),
}


def answers(model, x, y):
    """What an ensemble says of samples and of itself, by what was asked."""
    fitted = model.set_params(random_state=0).fit(x, y)
    found = {name: getattr(fitted, name)(x) for name in OF_CLASSIFIERS if hasattr(fitted, name)}
    if isinstance(model, BaggingRegressor):
        found["mean"], found["std"] = fitted.predict(x, return_std=True)
    for name in ("classes_", "oob_decision_function_", "oob_prediction_"):
        if hasattr(fitted, name):
            found[name] = getattr(fitted, name)
    drawn = np.array([*fitted.estimators_samples_, *fitted.estimators_features_], dtype=object)
    scores = fitted.score(x, y), getattr(fitted, "oob_score_", 0.0)
    return found, scores, drawn.tolist()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs")
@pytest.mark.parametrize(
    ("case", "place"),
    [
        *product(ELSEWHERE, ("torch cpu", "array_api_strict device1")),
        # JAX compiles for each: those with all answers, and with features of their own.
        *product(("oob", "regressor"), ("jax cpu",)),
    ],
)
def test_the_ensemble_follows_its_arrays(case, place):
    """Without scikit-learn's dispatch: strict arrays on device1 refuse NumPy."""
    model, x, y = ELSEWHERE[case]
    library, device = place.split()
    pytest.importorskip(library)
    there = backend.asarray(x, backend=backend.resolve(library, device=device), dtype="float32")
    expected, expected_scores, expected_drawn = answers(model, x, y)
    of_text = y.dtype.kind == "U"
    kind = None if y.dtype.kind == "f" else "int32"
    y_there = y if of_text else backend.asarray(y, like=there, dtype=kind)
    found, scores, drawn = answers(model, there, y_there)
    assert scores == pytest.approx(expected_scores, abs=1e-5)
    np.testing.assert_equal(drawn, expected_drawn)
    assert found.keys() == expected.keys()
    for name, one in found.items():
        if of_text and name in ("predict", "classes_"):
            assert (one == expected[name]).all()
        else:
            assert backend.where(one) == backend.where(there)
            host = backend.to_numpy(one)
            np.testing.assert_allclose(host, expected[name], rtol=1e-3, atol=1e-5)


ONE_STACK = {
    "orders": ({}, {}),
    "samples": ({"early_stopping": True, "n_iter_no_change": 1}, {"max_features": 0.5}),
    "dropout": ({"dropout": 0.3}, {}),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(("of_members", "options"), ONE_STACK.values(), ids=ONE_STACK)
def test_elsewhere_too_members_are_one_stack(of_members, options, capsys):
    asarray = pytest.importorskip("torch").asarray
    member = MLPClassifier(**SMALL | {"max_iter": 9}, **of_members)
    model = BaggingClassifier(member, 4, random_state=0, verbose=1, **options)
    expected = model.fit(X, Y).predict_proba(X)
    found = model.fit(asarray(X), asarray(Y)).predict_proba(asarray(X))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert "one after another" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_arrays_elsewhere_are_refused_by_a_model_on_the_host():
    torch = pytest.importorskip("torch")
    model = BaggingClassifier(MLPClassifier(**SMALL), 2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="must use the same namespace"):
        model.predict(torch.asarray(X))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_second_fit_needs_no_answers_out_of_the_bag():
    x, y = strict.asarray(X), strict.asarray(Y % 2)
    member = MLPClassifier(**SMALL | {"max_iter": 1})
    model = BaggingClassifier(member, 8, max_samples=0.2, random_state=0)
    expected = model.set_params(oob_score=True).fit(x, y).predict_proba(x)
    found = model.set_params(oob_score=False).fit(x, y).predict_proba(x)
    np.testing.assert_array_equal(*map(backend.to_numpy, (found, expected)))


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("n_members", [8, 12])
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_answers_out_of_the_bag_are_read_once(kind, n_members, monkeypatch):
    """However many members there are."""
    cupy = pytest.importorskip("cupy")
    make, data, member = {
        "Classifier": (BaggingClassifier, (X, Y), MLPClassifier(**SMALL)),
        "Regressor": (BaggingRegressor, (REAL_X, REAL_Y), MLPRegressor(**SMALL)),
    }[kind]
    model = make(member, n_members, oob_score=True, max_samples=0.3, random_state=0)
    expected = model.fit(*data).oob_score_
    train_all = bagging.train_all
    with cupy.counted() as counts:
        monkeypatch.setattr(
            bagging, "train_all", lambda *a, **b: (train_all(*a, **b), counts.reads.clear())
        )
        model.fit(*map(cupy.asarray, data))
    assert len(counts.reads) == 1
    assert model.oob_score_ == pytest.approx(expected, abs=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_members_of_a_fit_that_failed_are_none():
    members = []
    for made in (BaggingClassifier, theirs.BaggingClassifier):
        model = made(MLPClassifier(**SMALL), 2, random_state=0, warm_start=True).fit(X, Y)
        wrong = MLPClassifier(**SMALL, solver="sgd", learning_rate_init=1e30)
        model.set_params(n_estimators=3, estimator=wrong)
        with pytest.raises(ValueError, match="non-finite parameter"), np.errstate(all="ignore"):
            model.fit(X, Y)
        assert len(model.estimators_) == len(model.estimators_features_) == 2
        model.set_params(estimator=MLPClassifier(**SMALL)).fit(X, Y)
        members.append(model.estimators_)
    for found, expected in zip(*members, strict=True):
        np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])
