"""Training chunk by chunk."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from xpnet import MLPClassifier, MLPRegressor, backend
from xpnet.types import tensors

CHUNKS = [slice(start, start + 300) for start in range(0, 1500, 300)]


def in_chunks(model, digits, **first):
    for chunk in CHUNKS:
        model.partial_fit(digits.X[chunk], digits.y[chunk], **first)
        first = {}
    return model


@pytest.mark.parametrize("settings", [{}, {"clip_norm": 1.0}, {"solver": "nadam"}], ids=str)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_copy_trains_on_without_a_trace_in_the_model(digits, library, settings):
    """They share what the optimiser remembers."""
    X, y = (backend.asarray(a[:64], backend=library, dtype=a.dtype) for a in digits)
    model = MLPClassifier((8,), random_state=0, **settings).partial_fit(X, y, classes=range(10))
    before = [backend.to_numpy(tensor).copy() for tensor in moments_of(model)]
    copy.copy(model).partial_fit(X, y)
    for tensor, expected in zip(moments_of(model), before, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(tensor), expected)


def moments_of(model):
    return [tensor for moment in model._optimizer_state.moments for tensor in tensors(moment)]


def test_multilabel_needs_no_classes(digits):
    Y = np.stack([digits.y % 2, digits.y > 4], axis=1)
    model = MLPClassifier((16,), learning_rate_init=0.01, random_state=0)
    for _ in range(20):
        for chunk in CHUNKS:
            model.partial_fit(digits.X[chunk], Y[chunk])
    assert model.predict(digits.X).shape == (len(Y), 2)
    assert model.score(digits.X[1500:], Y[1500:]) > 0.8
    assert model.classes_.tolist() == [0, 1]


def test_the_first_call_names_all_classes(digits):
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(*digits)
    model = in_chunks(MLPClassifier((8,), random_state=0), digits, classes=range(12))
    assert model.predict_proba(digits.X[:2]).shape == (2, 12)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_classes_may_be_missing_from_a_chunk_but_not_new(digits, library):
    X, y = (backend.asarray(a, backend=library, dtype=a.dtype) for a in digits)
    model = MLPClassifier((8,), random_state=0)
    model.partial_fit(X, y % 3, classes=[0, 1, 2]).partial_fit(X, y % 2)
    with pytest.raises(ValueError, match=r"`self.classes_` has \[0 1 2\]. 'y' has \[0 1 2 3\]"):
        model.partial_fit(X, y % 4)
    with pytest.raises(
        ValueError, match=r"not the same as on last call to partial_fit, was: array\(\[0, 1, 2\]\)"
    ):
        model.partial_fit(X, y % 3, classes=[0, 1])
    with pytest.raises(ValueError, match="y is a multilabel-indicator target, but the model was"):
        model.partial_fit(X, backend.asarray(np.eye(3), like=X)[[0, 1, 2] * 599, :])


def test_early_stopping_ends_at_the_best_chunk(digits):
    X, y = digits
    model = MLPClassifier((16,), early_stopping=True, n_iter_no_change=3, random_state=0, tol=1e-3)
    calls = 0
    while not getattr(model, "stopped_", "").startswith("Validation score did not improve"):
        assert not calls or model.score(X[900:], y[900:]) == model.validation_scores_[-1]
        model.partial_fit(X[:900], y[:900], classes=range(10), X_val=X[900:], y_val=y[900:])
        calls += 1
        assert calls < 300
    assert len(model.validation_scores_) == len(model.loss_curve_) == calls
    assert model.score(X[900:], y[900:]) == model.best_validation_score_
    before = model.coefs_[0].copy()
    model.partial_fit(X[:900], y[:900], X_val=X[900:], y_val=y[900:])
    assert (model.coefs_[0] == before).all()
    assert len(model.loss_curve_) == calls


def test_chunks_that_come_after_patience_is_at_its_end_are_learned_from(few):
    """As many epochs as it allows would be none."""
    model = MLPClassifier((3,), tol=1e9, n_iter_no_change=1, random_state=0)
    for number in range(1, 6):
        model.partial_fit(*few, classes=range(10))
        assert (model.t_, len(model.loss_curve_)) == (number * len(few[1]), number)
    assert model.stopped_.startswith("Training loss did not improve")


def test_early_stopping_validates_on_some_of_each_chunk(digits):
    model = in_chunks(MLPClassifier((8,), early_stopping=True), digits, classes=range(10))
    assert model.t_ == len(CHUNKS) * 270
    assert len(model.validation_scores_) == len(CHUNKS)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_lbfgs_has_no_partial_fit(estimator):
    assert hasattr(estimator(), "partial_fit")
    assert not hasattr(estimator(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        estimator(solver="lbfgs").partial_fit  # noqa: B018


def test_warm_start_wants_the_same_classes(digits):
    model = MLPClassifier((8,), warm_start=True, max_iter=1)
    with pytest.warns(match="Maximum iterations"):
        model.fit(*digits)
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        model.fit(digits.X, digits.y % 5)


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
def test_copies_do_not_share_what_the_optimiser_remembers(few, library):
    X = backend.asarray(few.X, backend=library)
    model = MLPRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(X, few.y)
    twin = model.to_device(library)
    model.partial_fit(X, few.y).partial_fit(X, few.y)
    twin.partial_fit(X, few.y).partial_fit(X, few.y)
    assert (backend.to_numpy(model.coefs_[0]) == backend.to_numpy(twin.coefs_[0])).all()


def test_an_optimiser_without_moments(few):
    model = MLPClassifier((4,), solver="sgd", momentum=0.0, random_state=0)
    model.partial_fit(*few, classes=range(10)).partial_fit(*few)
    assert model.loss_curve_[1] < model.loss_curve_[0]


def test_settings_may_change_between_chunks(few):
    model = MLPClassifier((4,), random_state=0).partial_fit(*few, classes=range(10))
    for settings in ({"solver": "sgd"}, {"early_stopping": True}, {"early_stopping": False}):
        model.set_params(**settings).partial_fit(*few)
    assert len(model.loss_curve_) == 4
    assert len(model.validation_scores_) == 1
    assert (model.best_loss_, model.best_validation_score_) == (model.loss_curve_[-1], None)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_steps_may_start_from_lbfgs(few):
    model = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=20, random_state=0)
    loss = model.fit(*few).loss_
    model.set_params(solver="adam", warm_start=True, max_iter=1).fit(*few)
    assert model.loss_curve_[0] == pytest.approx(loss, rel=0.2)


def test_layers_may_not_change(few):
    model = MLPClassifier((4,)).partial_fit(*few, classes=range(10))
    with pytest.raises(ValueError, match=r"is \(4, 2\), but the fitted model has \(4,\)"):
        model.set_params(hidden_layer_sizes=(4, 2)).partial_fit(*few)
