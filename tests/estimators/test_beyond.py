"""Additions to scikit-learn's MLP."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer, recall_score

from xpnet import MLPClassifier, MLPRegressor, backend, init, optim
from xpnet.callbacks import Callback

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}


def coefs(digits, estimator=MLPClassifier, **settings):
    return estimator(**SETTINGS | settings).fit(*digits).coefs_


def same(left, right):
    return all((a == b).all() for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("name", ["gelu", "silu", "elu", "leaky_relu", "softplus"])
def test_activations(digits, name):
    settings = {"max_iter": 20, "learning_rate_init": 0.01, "random_state": 0}
    model = MLPClassifier((32,), activation=name, **settings).fit(*digits)
    assert model.score(*digits) > 0.9


def test_an_activation_a_layer(few):
    settings = SETTINGS | {"hidden_layer_sizes": (8, 6)}
    mixed = MLPClassifier(**settings, activation=("logistic", "tanh")).fit(*few)
    assert mixed._net().activations == ("sigmoid", "tanh")
    twice = MLPClassifier(**settings, activation=["tanh", "tanh"]).fit(*few)
    once = MLPClassifier(**settings, activation="tanh").fit(*few)
    assert same(twice.coefs_, once.coefs_)


def test_activations_are_counted_and_known(few):
    with pytest.raises(ValueError, match="activation has 3 names: expected one name for all"):
        MLPClassifier((8, 6), activation=("relu",) * 3).fit(*few)
    with pytest.raises(ValueError, match="activation 'swish' is unknown: choose of identity"):
        MLPClassifier((8,), activation=("swish",)).fit(*few)


def test_class_weight_weighs_samples(few):
    weight = {3: 5.0, 4: 0.5}
    per_sample = np.asarray([weight.get(label, 1.0) for label in few.y], dtype=np.float32)
    weighted = MLPClassifier(**SETTINGS, class_weight=weight).fit(*few)
    assert same(weighted.coefs_, MLPClassifier(**SETTINGS).fit(*few, per_sample).coefs_)
    both = MLPClassifier(**SETTINGS, class_weight=weight).fit(*few, sample_weight=2 * few.y)
    product = MLPClassifier(**SETTINGS).fit(*few, sample_weight=2 * few.y * per_sample)
    np.testing.assert_allclose(both.coefs_[0], product.coefs_[0], atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_balanced_classes_weigh_the_same_in_all(few, classes):
    y = np.minimum(few.y, classes - 1)
    counts = np.bincount(y)
    balanced = {label: len(y) / (classes * count) for label, count in enumerate(counts)}
    model = MLPClassifier(**SETTINGS, class_weight="balanced").fit(few.X, y)
    reference = MLPClassifier(**SETTINGS, class_weight=balanced).fit(few.X, y)
    np.testing.assert_allclose(model.coefs_[0], reference.coefs_[0], atol=1e-6)


def test_a_class_whose_samples_weigh_nothing_is_balanced_by_nothing(few):
    y, s = few.y % 2, np.asarray(few.y % 2, float)
    model = MLPClassifier(**SETTINGS, class_weight="balanced").fit(few.X, y, s)
    reference = MLPClassifier(**SETTINGS, class_weight={1: 0.5}).fit(few.X, y, s)
    np.testing.assert_allclose(model.coefs_[0], reference.coefs_[0], atol=1e-6)


def test_class_weight_where_it_has_no_meaning(few):
    with pytest.raises(ValueError, match=r"no meaning for a multilabel target.*sample_weight"):
        MLPClassifier(class_weight="balanced").fit(few.X, np.eye(10, dtype=int)[few.y])
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(*few, classes=range(10))


def test_dropout_is_drawn_from_the_seed(few):
    first, again = coefs(few, dropout=0.5), coefs(few, dropout=0.5)
    assert same(first, again)
    assert not same(first, coefs(few))
    assert not same(first, coefs(few, dropout=0.5, random_state=1))


@pytest.mark.parametrize(
    ("solver", "rate"),
    [
        ("adamw", 0.01),
        ("rmsprop", 0.01),
        ("nadam", 0.01),
        ("lion", 0.001),
        (optim.adamw, 0.01),
        (partial(optim.momentum, mu=0.5), 0.2),
        (optim.nesterov(optim.cosine(0.1, 200)), 0.1),
    ],
    ids=["adamw", "rmsprop", "nadam", "lion", "function", "partial", "optimizer"],
)
def test_any_optimiser(digits, solver, rate):
    model = MLPClassifier((32,), solver=solver, max_iter=20, learning_rate_init=rate)
    assert model.set_params(random_state=0).fit(*digits).score(*digits) > 0.9


def test_a_function_gets_the_learning_rate(few):
    named = coefs(few, solver="adam", learning_rate_init=0.02)
    assert same(named, coefs(few, solver=optim.adam, learning_rate_init=0.02))
    assert same(named, coefs(few, solver=optim.adam(0.02)))


@pytest.mark.parametrize("scheme", ["he", init.normal(0.01)], ids=["name", "function"])
def test_initialisation(few, scheme):
    model = MLPClassifier(**SETTINGS, init=scheme, learning_rate_init=1e-12).fit(*few)
    drawn = init.initial_params((64, 16, 10), int(np.random.RandomState(0).randint(2**31)), scheme)
    np.testing.assert_allclose(model.coefs_[0].T, drawn[0].W, atol=1e-6)
    np.testing.assert_allclose(model.intercepts_[0], 0.0, atol=1e-9)


def test_clipped_gradients(few):
    step = coefs(few, solver=optim.sgd, max_iter=1, batch_size=200, clip_norm=1e-3)
    start = coefs(few, solver=optim.sgd, max_iter=1, batch_size=200, learning_rate_init=1e-12)
    moved = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(step, start, strict=True)))
    assert 0 < moved <= 1.01e-3 * 0.001


@pytest.mark.parametrize(("name", "setting"), [("dropout", 0.5), ("clip_norm", 1.0)])
def test_lbfgs_ignores_nothing_in_silence(few, name, setting):
    with pytest.raises(ValueError, match=f"{name} has no meaning for solver='lbfgs'"):
        MLPClassifier(solver="lbfgs", **{name: setting}).fit(*few)
    with pytest.raises(ValueError, match="X_val has no meaning for solver='lbfgs'"):
        MLPClassifier(solver="lbfgs").fit(*few, X_val=few.X, y_val=few.y)


def test_validation_curves_need_no_early_stopping(digits):
    X, y = digits
    model = MLPClassifier(**SETTINGS).fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 5
    assert model.validation_scores_[-1] == model.score(X[1500:], y[1500:])
    probabilities = model.predict_proba(X[1500:])[np.arange(len(y) - 1500), y[1500:]]
    assert model.validation_loss_curve_[-1] == pytest.approx(-np.log(probabilities).mean())
    unseen = MLPClassifier(**SETTINGS).fit(X[:1500], y[:1500])
    assert same(model.coefs_, unseen.coefs_)
    assert unseen.validation_loss_curve_ is None


def test_the_regressors_validation_loss_is_the_mean_over_outputs(few):
    Y = np.stack([few.y, few.X[:, 20]], axis=1)
    model = MLPRegressor(**SETTINGS).fit(few.X, Y, X_val=few.X, y_val=Y)
    expected = 0.5 * ((model.predict(few.X) - Y) ** 2).mean()
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-5)


def test_weights_of_a_validation_set(few):
    s = few.y + 1.0
    model = MLPClassifier(**SETTINGS)
    model.fit(*few, X_val=few.X, y_val=few.y, sample_weight_val=s)
    assert model.validation_scores_[-1] == pytest.approx(model.score(*few, sample_weight=s))


def test_a_validation_set_is_whole(few):
    with pytest.raises(ValueError, match="X_val and y_val make a validation set together"):
        MLPClassifier().fit(*few, X_val=few.X)


@pytest.mark.parametrize(
    "scoring",
    ["loss", "f1_macro", make_scorer(recall_score, average="macro")],
    ids=["loss", "name", "scorer"],
)
def test_early_stopping_watches_what_is_asked(digits, scoring):
    X, y = digits
    settings = SETTINGS | {"max_iter": 300, "learning_rate_init": 0.01, "n_iter_no_change": 3}
    model = MLPClassifier(**settings, early_stopping=True, scoring=scoring).fit(X, y)
    assert model.n_iter_ < 300
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.stopped_.startswith("Validation score did not improve more than tol")
    if scoring == "loss":
        assert model.validation_scores_ == [-loss for loss in model.validation_loss_curve_]


def test_a_validation_set_lies_with_the_samples_and_has_their_labels(few):
    with pytest.raises(TypeError, match="X lies in numpy on cpu, but X_val in torch on cpu"):
        MLPClassifier().fit(*few, X_val=backend.asarray(few.X, backend="torch"), y_val=few.y)
    with pytest.raises(ValueError, match="labels that are not among the classes"):
        MLPClassifier().fit(few.X, few.y % 5, X_val=few.X, y_val=few.y)


def test_early_stopping_returns_the_best_epoch(few):
    settings = SETTINGS | {"max_iter": 60, "learning_rate_init": 0.05, "n_iter_no_change": 20}
    model = MLPClassifier(**settings, early_stopping=True)
    model.fit(*few, X_val=few.X[:50], y_val=few.y[:50])
    assert model.score(few.X[:50], few.y[:50]) == model.best_validation_score_


def test_a_scorer_scores_the_newest_parameters(few):
    settings = SETTINGS | {"scoring": "accuracy", "learning_rate_init": 0.01}
    model = MLPClassifier(**settings).fit(*few, X_val=few.X, y_val=few.y)
    assert model.validation_scores_[-1] == model.score(*few)
    assert len(set(model.validation_scores_[-2:])) == 2


def test_training_says_why_it_ended(few):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        assert MLPClassifier(max_iter=2).fit(*few).stopped_ == "all epochs done"
    patient = MLPClassifier(tol=10.0, n_iter_no_change=1).fit(*few)
    assert patient.stopped_.startswith("Training loss did not improve more than tol=10.0")
    full = MLPClassifier((4,), solver="lbfgs", tol=0.1).fit(*few)
    assert full.stopped_ == "the gradient is within tol"


def test_interrupted_training_keeps_what_it_has(few):
    class Interrupts(Callback):
        def on_step(self, step):
            if step.index == 3:
                raise KeyboardInterrupt

    settings = {"batch_size": 100, "max_iter": 9, "random_state": 0, "callbacks": [Interrupts()]}
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = MLPClassifier((4,), **settings).fit(*few)
    assert (model.n_iter_, model.stopped_) == (1, "interrupted")
    assert model.predict(few.X).shape == (200,)
