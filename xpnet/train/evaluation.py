"""`evaluate`: what parameters cost and score on labelled data, as numbers on the host."""

from __future__ import annotations

from typing import Any

from xpnet import backend
from xpnet.kernels import OUTPUTS
from xpnet.network import Network, forward
from xpnet.network.arguments import as_floating, as_params, check_batch
from xpnet.network.defaults import kernels_or_default
from xpnet.types import Array, Kernels, Params

__all__ = ["evaluate", "labelled_data", "scores"]


def evaluate(
    net: Network, params: Params, X: Array, Y: Array, *, kernels: Kernels | None = None
) -> dict[str, Any]:
    """Cost (without a penalty) and score of `params` on ``(X, Y)``, as numbers on the host.

    Parameters
    ----------
    net, params, X, Y, kernels
        As in `fit`.

    Returns
    -------
    dict
        ``cost`` and the metric of the network's output: ``accuracy``, ``r2`` or ``d2``. A stack's
        values are lists.

    Raises
    ------
    ValueError, TypeError
        As `xpnet.value_and_grad`; and if X holds no samples.
    """
    params = as_params(params)
    with backend.on_device_of(params[0].W):
        X, Y = labelled_data(net, params, X, Y)
        return scores(net, params, X, Y, kernels=kernels)


def scores(
    net: Network, params: Params, X: Array, Y: Array, *, kernels: Kernels | None
) -> dict[str, Any]:
    """`evaluate`, for whoever has checked the data before: the device is read once."""
    with backend.on_device_of(params[0].W):
        params, X, Y = backend.detached((params, as_floating(X, params), as_floating(Y, params)))
        metric = OUTPUTS[net.output].metric
        kernels = kernels_or_default(kernels, X)
        last = forward(net, params, X, kernels=kernels)[-1]
        cost = kernels.output_cost(net.output, last.Z, Y, 1.0 / X.shape[-1])
        cost_and_score = backend.read([cost, metric.score(last.A, Y)])
    return dict(zip(("cost", metric.name), cost_and_score.tolist(), strict=True))


def labelled_data(net: Network, params: Params, X: Array, Y: Array) -> tuple[Array, Array]:
    """X and Y, integers cast, after every check that `evaluate` makes."""
    X, Y = as_floating(X, params), as_floating(Y, params)
    check_batch(net, params, X, Y, None, readable=backend.has_values)
    if X.shape[-1] == 0:
        raise ValueError(f"X has shape {tuple(X.shape)}: expected at least one sample to evaluate")
    return X, Y
