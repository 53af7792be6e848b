"""Evaluation: cost and score of parameters on labelled data, as numbers on the host."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from xpnet import backend
from xpnet.kernels import OUTPUTS
from xpnet.network import Network, forward
from xpnet.network.arguments import as_floating, as_weights, check_batch
from xpnet.network.checks import check_finite
from xpnet.network.defaults import kernels_or_default
from xpnet.network.gradients import scale_of
from xpnet.types import Array, Batch, Kernels, Params, as_params


def evaluate(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
) -> dict[str, Any]:
    """Cost (without a penalty) and score of `params` on ``(X, Y)``, as numbers on the host.

    Parameters
    ----------
    net, params, X, Y, kernels, sample_weight
        As in `fit`. Weights count in the cost alone: a score counts each sample once.

    Returns
    -------
    dict
        ``cost`` and the metric of the network's output, such as ``accuracy``. A stack's values are
        lists.

    Raises
    ------
    ValueError, TypeError
        As `xpnet.value_and_grad`; and if X holds no samples.
    """
    params = as_params(params)
    with backend.on_device_of(params[0][0]):
        samples = _labelled(net, params, X, Y, sample_weight)
        return _scores(net, params, samples, kernels_or_default(kernels, X))


def validation_by(
    net: Network, params: Params, validation: Any, kernels: Kernels | None
) -> Callable[[Params], dict[str, Any]]:
    """A function of parameters: their row entries ``val_…`` on the validation set, if there is one.

    Raises as `evaluate` does, of parameters like `params`; and at a call, if a sample is not
    finite.
    """
    if validation is None:
        return lambda params: {}
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        raise TypeError(
            "validation: expected two arrays or three, validation=(X, Y) or (X, Y, sample_weight)"
        )
    try:
        samples = _labelled(net, params, *validation)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from error
    kernels = kernels_or_default(kernels, samples.X)

    def validate(params: Params) -> dict[str, Any]:
        scores = _scores(net, params, samples, kernels)
        if not is_finite(scores["cost"]):
            check_finite("validation: X", samples.X, "feature")
        return {f"val_{name}": value for name, value in scores.items()}

    return validate


def is_finite(cost: Any) -> bool:
    """Whether a cost is finite: a number, or (nested) lists of them for a stack."""
    return all(map(is_finite, cost)) if isinstance(cost, list) else math.isfinite(cost)


def _labelled(
    net: Network, params: Params, X: Array, Y: Array, sample_weight: Array | None = None
) -> Batch:
    """X, Y and the weights, integers cast, after every check that `evaluate` makes."""
    X, Y, weight = as_floating(X, params), as_floating(Y, params), as_weights(sample_weight, params)
    check_batch(net, params, X, Y, weight, readable=backend.has_values)
    if X.shape[-1] == 0:
        raise ValueError(f"X has shape {tuple(X.shape)}: expected at least one sample to evaluate")
    return Batch(X, Y, weight)


def _scores(net: Network, params: Params, samples: Batch, kernels: Kernels) -> dict[str, Any]:
    """`evaluate` of arrays that are checked: the device is read once."""
    params, X, Y, weight = backend.detached((params, *samples))
    metric = OUTPUTS[net.output].metric
    last = forward(net, params, X, kernels=kernels)[-1]
    cost = kernels.output_cost(net.output, last.Z, Y, scale_of(Y, weight, 0.0).samples)
    cost_and_score = backend.read([cost, metric.score(last.A, Y)])
    return dict(zip(("cost", metric.name), cost_and_score.tolist(), strict=True))
