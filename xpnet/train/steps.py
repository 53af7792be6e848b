"""Training steps: from one mini-batch after another to new parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from array_api_compat import is_torch_array

from xpnet import backend
from xpnet.kernels import Dropout, dropout_masks, dropout_of
from xpnet.network import Network
from xpnet.network.checks import check_rate, check_stacked
from xpnet.network.defaults import kernels_or_default, training_kernels, training_step
from xpnet.network.gradients import unchecked_value_and_grad
from xpnet.train.arguments import Settings, checked_batches
from xpnet.types import (
    Array,
    Batch,
    Kernels,
    Optimizer,
    OptimizerState,
    Params,
    Step,
    as_params,
    tensors,
)


def steps(
    net: Network,
    params: Params,
    batches: Iterable[Batch | tuple[Array, Array]],
    *,
    optimizer: Optimizer,
    value_and_grad: Callable[..., tuple[Array, Params]] | None = None,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    dropout: float = 0.0,
    seed: int = 0,
) -> Iterator[Step]:
    """Train one step a batch, and yield after each.

    Parameters
    ----------
    net : Network
    params : Params
        Where to start; never written to.
    batches : iterable of Batch, or of (X, Y)
        ``X (..., n_x, m)``, ``Y (..., n_y, m)``. Values are read on the first alone, to check
        their range; shapes and dtypes on every one.
    optimizer : Optimizer
        From `xpnet.optim`.
    value_and_grad : function, optional
        In place of `xpnet.value_and_grad`, with its signature: compiled, distributed, … As its loss
        may be another, targets then need only be finite.
    kernels : Kernels, optional
        `VECTORIZED`, `LOOPED` or your own record.
    sample_weight : array, shape (..., 1, m), optional
        The weights of every batch that brings none of its own.
    l2 : float or array of shape (..., 1, 1), default 0
        λ of the penalty on weights.
    dropout : float, default 0
        Share of each hidden layer's units that is left out, drawn afresh at each step.
    seed : int, default 0
        Of the dropout masks, which one seed makes the same on every library.

    Yields
    ------
    Step
        ``index`` from 1, the new ``params``, and the ``cost`` before the update, on the device.

    Raises
    ------
    ValueError, TypeError
        As `xpnet.value_and_grad`, at the first batch that does not fit; or, at the call, if
        `dropout` is not in [0, 1) or another setting is not valid.
    """
    params = as_params(params)
    settings = Settings.checked(
        params,
        optimizer=optimizer,
        value_and_grad=value_and_grad,
        kernels=kernels,
        l2=l2,
        dropout=dropout,
        seed=seed,
    )
    # One network may become a stack, by batches or rates for K of them.
    fixed = any(tensor.ndim > 2 for tensor in tensors(params))
    checked = checked_batches(net, params, batches, sample_weight, settings, fixed)
    return updates(net, params, checked, settings, fixed=fixed)


def updates(
    net: Network,
    params: Params,
    batches: Iterable[tuple[Array, Array, Array | None]],
    settings: Settings,
    *,
    fixed: bool = True,
) -> Iterator[Step]:
    """`steps` on batches that are checked; `fixed` forbids that `params` become a stack."""
    optimizer = settings.optimizer
    params, l2 = backend.detached((params, settings.l2))
    there = backend.on_device_of(params[0][0])
    with there:
        state = optimizer.init(params)
    for index, (X, Y, weight) in enumerate(batches, 1):
        t = state.t + 1
        # Entered for each step: between steps the caller's own device is the current one.
        with there:
            hyperparameters = optimizer.hyperparameters(t)
            if index == 1:
                check_stacked(params, fixed=fixed, learning_rate=hyperparameters.get("rate"))
                check_rate(hyperparameters.get("rate"), backend.has_values)
                step, kernels = _step_and_kernels(X, settings)
                may_require_grad = is_torch_array(X)
            if may_require_grad:
                X, Y, weight = backend.detached((X, Y, weight))
            params, moments, J = step(
                net,
                params,
                state.moments,
                X,
                Y,
                hyperparameters,
                apply=optimizer.apply,
                kernels=kernels,
                sample_weight=weight,
                l2=l2,
                dropout=_dropout(settings, index) if settings.dropout else None,
            )
        state = OptimizerState(t, moments)
        yield Step(index, params, J, state)


def _step_and_kernels(X: Array, settings: Settings) -> tuple[Callable[..., Any], Kernels]:
    """The step and kernels for arrays like X: compiled whole where nothing else is asked for."""
    value_and_grad, kernels = settings.value_and_grad, settings.kernels
    step = _default_step if value_and_grad is None else _step_by(value_and_grad)
    if value_and_grad is None and kernels is None:
        step = training_step(step, X)
    return step, training_kernels(X) if kernels is None else kernels_or_default(kernels, X)


def _step_by(value_and_grad: Callable[..., tuple[Array, Params]]) -> Callable[..., Any]:
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
        masks = None if dropout is None else _masks(params, X, dropout)
        J, grads = value_and_grad(net, params, X, Y, kernels=kernels, masks=masks, **settings)
        params, moments = apply(params, grads, moments, hyperparameters, kernels)
        return params, moments, J

    return step


_default_step = _step_by(unchecked_value_and_grad)


def _dropout(settings: Settings, index: int) -> Dropout:
    """The masks of that step, as seed and step determine them."""
    return dropout_of(float(settings.dropout), settings.seed, index)


def _masks(params: Params, X: Array, dropout: Dropout) -> tuple[Array, ...]:
    """Inverted dropout of each hidden layer, beside X."""
    shapes = [(*layer[0].shape[:-1], X.shape[-1]) for layer in params[:-1]]
    return dropout_masks(dropout, shapes, X)
