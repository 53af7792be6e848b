"""`steps`: one update after another, each the kernels' work from the batch to new parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import Any

from array_api_compat import array_namespace, is_torch_array

from xpnet import backend
from xpnet.network import Network
from xpnet.network.arguments import (
    as_params,
    beside,
    check_batch,
    check_gradient,
)
from xpnet.network.checks import check_rate, check_stacked
from xpnet.network.defaults import accelerator_for, kernels_or_default, training_kernels
from xpnet.network.gradients import unchecked_value_and_grad
from xpnet.optim import check_optimizer
from xpnet.train.arguments import check_batches, parts_of, targets_of, whole
from xpnet.types import Array, Batch, Kernels, Optimizer, OptimizerState, Params, Step

__all__ = ["check_dropout", "steps", "taken"]


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
        `VECTORIZED`, `LOOPED` or a record of one's own.
    sample_weight : array, shape (..., 1, m), optional
        The weights of every batch that brings none of its own.
    l2 : float or array of shape (..., 1, 1), default 0
        λ of the penalty on weights.
    dropout : float, default 0
        Share of each hidden layer's units that is left out, drawn afresh at each step.
    seed : int, default 0
        Of the dropout masks.

    Yields
    ------
    Step
        ``index`` from 1, the new ``params``, and the ``cost`` before the update, on the device.

    Raises
    ------
    ValueError, TypeError
        As `xpnet.value_and_grad`, at the first batch that does not fit; or, at the call, if
        `dropout` is not in [0, 1) or another setting is none.
    """
    check_dropout(dropout)
    check_optimizer(optimizer)
    if value_and_grad is not None:
        check_gradient(value_and_grad)
    check_batches(batches)
    seed = whole("seed", seed, 0)
    return taken(
        net,
        params,
        batches,
        optimizer=optimizer,
        value_and_grad=value_and_grad,
        kernels=kernels,
        sample_weight=sample_weight,
        l2=l2,
        dropout=dropout,
        seed=seed,
        readable=backend.has_values,
        may_become_stack=True,
    )


def taken(
    net: Network,
    params: Params,
    batches: Iterable[Batch | tuple[Array, Array]],
    *,
    optimizer: Optimizer,
    value_and_grad: Callable[..., tuple[Array, Params]] | None,
    kernels: Kernels | None,
    l2: float | Array,
    dropout: float,
    seed: int,
    sample_weight: Array | None = None,
    readable: Callable[[Array], bool] = lambda array: False,
    may_become_stack: bool = False,
) -> Iterator[Step]:
    """`steps`, for `fit` as well, which has read the values of all batches before the first.

    Parameters
    ----------
    readable : function
        Of which arrays of the first batch the values may be read to check them.
    may_become_stack : bool
        Whether one network may become a stack, as by batches of K.
    """
    params = backend.detached(as_params(params))
    l2 = backend.detached(beside(l2, params[0].W))
    there = backend.on_device_of(params[0].W)
    with there:
        state = optimizer.init(params)
    output = targets_of(net, value_and_grad)
    fixed = not may_become_stack or any(tensor.ndim > 2 for layer in params for tensor in layer)
    check = _checking(net, params, l2, output, readable, fixed)
    form: Any = ()
    for index, batch in enumerate(batches, 1):
        X, Y, weight = batch if type(batch) is Batch else parts_of(batch, index)
        weight = sample_weight if weight is None else weight
        earlier = form
        # Spelled out, as it is the price of every step.
        try:
            form = (
                X.shape,
                Y.shape,
                X.dtype,
                Y.dtype,
                (None if weight is None else (weight.shape, weight.dtype)),
            )
        except AttributeError:  # of what is no array: the check has better words
            form = None
        if form != earlier:
            check(form, X, Y, weight)
        t = state.t + 1
        hyperparameters = optimizer.hyperparameters(t)
        if index == 1:
            check_stacked(params, fixed=fixed, learning_rate=hyperparameters.get("rate"))
            check_rate(hyperparameters.get("rate"), backend.has_values)
            step, kernels = _step_and_kernels(X, value_and_grad, kernels)
            may_require_grad = is_torch_array(X)
        if may_require_grad:
            X, Y, weight = backend.detached((X, Y, weight))
        # Entered for each step: between steps the caller's own device is the current one.
        with there:
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
                masks=_masks(params, X, dropout, (seed, index)) if dropout else None,
            )
        state = OptimizerState(t, moments)
        yield Step(index, params, J, state)


def _checking(
    net: Network,
    params: Params,
    l2: float | Array,
    output: str,
    readable: Callable[[Array], bool],
    fixed: bool,
) -> Callable[..., None]:
    """A check of batches: the first with its values, later ones where they are of another form."""
    seen: set[Any] = set()

    def check(form: Any, X: Array, Y: Array, weight: Array | None) -> None:
        if form in seen:
            return
        read = (lambda array: False) if seen else readable
        check_batch(net, params, X, Y, weight, l2=l2, output=output, readable=read, fixed=fixed)
        seen.add(form)

    return check


def _step_and_kernels(
    X: Array, value_and_grad: Callable[..., tuple[Array, Params]] | None, kernels: Kernels | None
) -> tuple[Callable[..., Any], Kernels]:
    """The training step for arrays like X: compiled as a whole where nothing else is asked for."""
    if value_and_grad is None and kernels is None:
        return accelerator_for(X).step(_default_step), training_kernels(X)
    step = _default_step if value_and_grad is None else _step_by(value_and_grad)
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
        **settings: Any,
    ) -> tuple[Params, tuple[Params, ...], Array]:
        J, grads = value_and_grad(net, params, X, Y, kernels=kernels, **settings)
        params, moments = apply(params, grads, moments, hyperparameters, kernels)
        return params, moments, J

    return step


_default_step = _step_by(unchecked_value_and_grad)


def _masks(params: Params, X: Array, dropout: float, seed: tuple[int, int]) -> tuple[Array, ...]:
    """Inverted dropout of each hidden layer, drawn on the device of X from the step's seed."""
    xp = array_namespace(X)
    dropout = float(dropout)
    masks = []
    for number, (W, _) in enumerate(params[:-1]):
        shape = (*W.shape[:-1], X.shape[-1])
        draw = backend.uniform(shape, hash((*seed, number)) % 2**32, X)
        masks.append(xp.astype(draw >= dropout, X.dtype) / (1.0 - dropout))
    return tuple(masks)


def check_dropout(dropout: float) -> None:
    """Raise unless `dropout` is a share of units below 1."""
    if not isinstance(dropout, Real):
        raise TypeError(f"dropout is {dropout!r}: expected a number, a share of units")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is {dropout}: expected a share of units, 0 or more and below 1")
