"""Fits that are killed and fitted again: the same model as of one that was not."""

from __future__ import annotations

import signal
from functools import partial
from itertools import chain

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone

from tests.train.cases import Kill, Killed
from xpnet import Checkpoints, MLPClassifier, MLPRegressor, optim

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
Y = X[:, 0] * X[:, 1]
WEIGHTS = rng.uniform(0.5, 2.0, 90)

SETTINGS = {"random_state": 1, "batch_size": 20, "max_iter": 12, "tol": 0.05}
FITTED = (
    *("loss_curve_", "n_iter_", "t_", "stopped_", "best_loss_", "loss_"),
    *("validation_scores_", "validation_loss_curve_", "best_validation_score_"),
)


def fitted(model, data, **changed):
    return clone(model).set_params(**changed).fit(data, Y, sample_weight=WEIGHTS)


def as_bits(model):
    moments = chain(*chain(*model._optimizer_state.moments))
    arrays = [array.tobytes() for array in (*model.coefs_, *model.intercepts_, *moments)]
    return [getattr(model, name) for name in FITTED], model._rate.value, arrays


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("settings", "kill"),
    [
        ({"early_stopping": True, "n_iter_no_change": 3, "dropout": 0.2}, {"epoch": 5}),
        (
            {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1},
            {"epoch": 8},
        ),
        ({"solver": "sgd", "learning_rate": "invscaling", "clip_norm": 0.5}, {"step": 17}),
        ({"solver": partial(optim.adamw, weight_decay=0.1), "shuffle": False}, {"step": 17}),
        ({"X": csr_array(X)}, {"step": 17}),
    ],
)
def test_a_killed_fit_ends_to_the_bit_as_one_that_was_not(tmp_path, settings, kill):
    settings = {"X": X, **SETTINGS, **settings}
    data = settings.pop("X")
    model = MLPRegressor(hidden_layer_sizes=(5,), **settings)
    checkpoint = Checkpoints(tmp_path, every="epoch" if "epoch" in kill else 1e-9)
    with pytest.raises(Killed):
        fitted(model, data, checkpoint=checkpoint, callbacks=[Kill(**kill)])
    whole = fitted(model, data)
    assert as_bits(fitted(model, data, checkpoint=checkpoint)) == as_bits(whole)
    # And the one that is over, at once.
    assert as_bits(fitted(model, data, checkpoint=checkpoint)) == as_bits(whole)


@pytest.mark.filterwarnings("ignore:Training interrupted", "ignore:Stochastic Optimizer")
def test_ctrl_c_waits_for_no_validation(tmp_path):
    scores = []

    def scoring(model, X, y, sample_weight):
        if len(scores) == 2:
            scores.append("interrupted")
            signal.raise_signal(signal.SIGINT)
        scores.append(0.5)
        return 0.5

    model = MLPRegressor(early_stopping=True, scoring=scoring, **SETTINGS)
    fitted(model, X, checkpoint=Checkpoints(tmp_path))
    assert scores == [0.5, 0.5, "interrupted"]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_fit_with_other_parameters_or_data_is_refused(tmp_path):
    model = MLPClassifier((5,), checkpoint=Checkpoints(tmp_path), **SETTINGS)
    y = np.where(Y > 0, "yes", "no")
    model.fit(X, y)
    others = {"alpha": 0.5, "tol": 0.2, "solver": "adamw", "early_stopping": True}
    for name, value in others.items():
        with pytest.raises(ValueError, match=f"run that is another: .*{name} is {value}, the run"):
            clone(model).set_params(**{name: value}).fit(X, y)
    with pytest.raises(ValueError, match="is another: X is float64"):
        clone(model).fit(X + 1.0, y)
    with pytest.raises(ValueError, match="is another: targets is float64"):
        clone(model).fit(X, y[::-1])


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"random_state": None}, "random_state is None"),
        ({"solver": "lbfgs"}, "checkpoint has no meaning for solver='lbfgs'"),
        ({"checkpoint": "runs"}, "The 'checkpoint' parameter of MLPRegressor must be"),
    ],
)
def test_what_is_kept_in_no_checkpoints(tmp_path, settings, match):
    settings = {"checkpoint": Checkpoints(tmp_path / "run"), "random_state": 0} | settings
    with pytest.raises(ValueError, match=match):
        MLPRegressor(**settings).fit(X, Y)


def test_a_chunk_is_kept_in_no_checkpoints(tmp_path):
    with pytest.raises(ValueError, match="checkpoint is for fit, as partial_fit sees one chunk"):
        MLPRegressor(checkpoint=Checkpoints(tmp_path), random_state=0).partial_fit(X, Y)
