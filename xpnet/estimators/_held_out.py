"""Losses and scores on samples held out, after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from array_api_compat import array_namespace
from sklearn.metrics import check_scoring

from xpnet.estimators._audience import say
from xpnet.estimators._prediction import outputs
from xpnet.estimators._reported import share_reported
from xpnet.estimators._samples import Samples
from xpnet.estimators._scoring import accuracy, r2
from xpnet.kernels import VECTORIZED
from xpnet.network import Network
from xpnet.types import Array, Layer

__all__ = ["validated"]


def validated(model: Any, net: Network, held_out: Samples) -> dict[str, float]:
    """Extend the validation curves of `model`; return their newest values for the history."""
    last = outputs(net, model._params(), held_out.X)
    loss = _loss(net, last, held_out)
    name, score = _score(model, net, last.A, held_out, loss)
    model.validation_loss_curve_ = [*(model.validation_loss_curve_ or ()), loss]
    model.validation_scores_ = [*(model.validation_scores_ or ()), score]
    say(model, f"Validation score: {score:f}")
    return {f"val_{name}": score, "val_cost": loss}


def _loss(net: Network, last: Layer, held_out: Samples) -> float:
    """The loss, without a penalty."""
    xp = array_namespace(held_out.Y)
    s = held_out.weights
    scale = 1.0 / held_out.m if s is None else (s / xp.sum(s))[None, :]
    J = VECTORIZED.output_cost(net.output, last.Z, xp.matrix_transpose(held_out.Y), scale)
    return float(J) * share_reported(net)


def _score(model: Any, net: Network, A: Array, held_out: Samples, loss: float) -> tuple[str, float]:
    """The name and value of what is watched; the larger, the better."""
    if model.scoring is None:
        name, score = _SCORES[net.output]
        # Where there is one class alone, it is predicted whatever its probability.
        alone = hasattr(model, "classes_") and model.classes_.shape == (1,)
        return name, 1.0 if alone else score(A, held_out)
    if model.scoring == "loss":
        return "cost", -loss
    weight = {} if held_out.weights is None else {"sample_weight": held_out.weights}
    scorer = check_scoring(model, model.scoring)
    name = model.scoring if isinstance(model.scoring, str) else "score"
    return name, float(scorer(model, held_out.X, held_out.y, **weight))


def _softmax_accuracy(A: Array, held_out: Samples) -> float:
    xp = array_namespace(A)
    return accuracy(xp.argmax(A, axis=0), xp.argmax(held_out.Y, axis=1), held_out.weights)


def _sigmoid_accuracy(A: Array, held_out: Samples) -> float:
    xp = array_namespace(A)
    return accuracy(xp.matrix_transpose(A > 0.5), held_out.Y > 0.5, held_out.weights)


def _r2(A: Array, held_out: Samples) -> float:
    return r2(array_namespace(A).matrix_transpose(A), held_out.Y, held_out.weights)


_SCORES: Mapping[str, tuple[str, Callable[[Array, Samples], float]]] = {
    "softmax": ("accuracy", _softmax_accuracy),
    "sigmoid": ("accuracy", _sigmoid_accuracy),
    "identity": ("r2", _r2),
    "exp": ("r2", _r2),
}
"""By output, what the model's ``score`` would say: its name, and a function of A."""
