"""One training step: gradients, applied by an optimiser."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from xpnet.kernels import Dropout
from xpnet.network import Network
from xpnet.network.gradients import unchecked_value_and_grad
from xpnet.train.dropout import masks_of
from xpnet.types import Array, Kernels, Params


def step_by(value_and_grad: Callable[..., tuple[Array, Params]]) -> Callable[..., Any]:
    """One training step: the gradients of `value_and_grad`, applied by an optimiser."""

    def step(
        net: Network,
        params: Params,
        moments: tuple[Params, ...],
        X: Array,
        Y: Array,
        hyperparameters: dict[str, Any],
        *,
        apply: Callable[..., Any],
        kernels: Kernels,
        dropout: Dropout | None,
        **settings: Any,
    ) -> tuple[Params, tuple[Params, ...], Array]:
        masks = None if dropout is None else masks_of(dropout, params, Y)
        J, grads = value_and_grad(net, params, X, Y, kernels=kernels, masks=masks, **settings)
        params, moments = apply(params, grads, moments, hyperparameters, kernels)
        return params, moments, J

    return step


default_step = step_by(unchecked_value_and_grad)


@cache
def step_with(loss_share: float) -> Callable[..., Any]:
    """The default step with another share of losses: one function, as programs are kept by it."""
    step = step_by(partial(unchecked_value_and_grad, loss_share=loss_share))
    step.loss_share = loss_share  # type: ignore[attr-defined]
    return step
