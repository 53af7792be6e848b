"""`fit`: epochs of steps on shuffled mini-batches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from xpnet import backend, data, optim
from xpnet.network import Network
from xpnet.network.arguments import (
    as_floating,
    as_params,
    as_weights,
    beside,
    check_batch,
    check_gradient,
)
from xpnet.network.checks import check_stacked
from xpnet.network.defaults import accelerator_for, kernels_or_default
from xpnet.network.gradients import unchecked_cost
from xpnet.train.arguments import (
    check_samples,
    check_validation,
    checked_callbacks,
    refuse_dask,
    targets_of,
    whole,
)
from xpnet.train.epochs import Training
from xpnet.train.stepping import check_dropout, taken
from xpnet.types import Array, Kernels, Optimizer, Params, Result, Run

__all__ = ["fit"]


def fit(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    optimizer: Optimizer,
    epochs: int = 10,
    batch_size: int = 128,
    seed: int = 0,
    validation: tuple[Array, Array] | None = None,
    callbacks: Iterable[Any] = (),
    value_and_grad: Callable[..., tuple[Array, Params]] | None = None,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    dropout: float = 0.0,
) -> Result:
    """Train for some epochs on shuffled mini-batches.

    Parameters
    ----------
    net : Network
    params : Params
        Where to start; never written to. Plain pairs (W, b) will do.
    X : array, shape (n_x, m)
        Samples as columns. Lies best as the transpose of a C-contiguous ``(m, n_x)``; otherwise
        one such copy is made. Integers are cast to the dtype of `params`.
    Y : array, shape (n_y, m)
        Targets, in the range of the network's output (see `xpnet.value_and_grad`); labels as
        one-hot columns. They and the weights are read once at the start.
    optimizer : Optimizer
        From `xpnet.optim`.
    epochs : int, default 10
        With 0, nothing is learned.
    batch_size : int, default 128
        Samples a step; the last, short batch of an epoch is trained on too.
    seed : int, default 0
        Of the order of samples and of dropout: one seed, one result.
    validation : tuple of arrays (X, Y), optional
        Costs and scores on it go into the history after each epoch.
    callbacks : list of `xpnet.callbacks.Callback`
        Progress, early stopping, checkpoints, logs.
    value_and_grad, kernels, l2, dropout
        As in `steps`.
    sample_weight : array, shape (..., 1, m), optional
        Non-negative weights, one a sample, of any real dtype.

    Returns
    -------
    Result
        ``params``, ``history``, ``stopped`` and ``steps``; what `params` cost after the last
        update, on the last batch (by `value_and_grad`, where there is one), is finite. Ctrl-C ends
        the training, not the program: what has been learned so far is returned, with
        ``stopped == "interrupted"``.

    Raises
    ------
    DivergenceError
        If a cost is not finite, or the last update leaves such a cost or such parameters. It
        carries the last parameters that are known to be good, and names the members of a stack.
    ValueError, TypeError
        As `steps`; if a number is negative or NaN, or a callback is none; and if X, a validation
        sample or the parameters to start from are not finite, as soon as a cost shows it.
    """
    refuse_dask(X)
    check_dropout(dropout)
    if value_and_grad is not None:
        check_gradient(value_and_grad)
    optim.check_optimizer(optimizer)
    seed, epochs = whole("seed", seed, 0), whole("epochs", epochs, 0)
    batch_size = whole("batch_size", batch_size, 1, " samples a batch")
    callbacks, params = checked_callbacks(callbacks), as_params(params)
    with backend.on_device_of(params[0].W):
        X, Y = as_floating(X, params), as_floating(Y, params)
        sample_weight = as_weights(sample_weight, params)
        output = targets_of(net, value_and_grad)
        check_batch(
            net, params, X, Y, sample_weight, l2=l2, output=output, readable=backend.has_values
        )
        check_samples(X, Y)
        check_stacked(params, fixed=True, sample_weight=sample_weight, l2=l2)
        check_validation(net, params, validation)
        cost = _cost_by(value_and_grad, kernels_or_default(kernels, X), beside(l2, params[0].W))
        training = Training(net, params, X, optimizer, validation, callbacks, kernels, cost)
        batches = functools.partial(
            data.batches,
            data.sample_major(X),
            data.sample_major(Y),
            batch_size=batch_size,
            seed=seed,
            sample_weight=sample_weight,
            gather=accelerator_for(X).gather(backend.gather),
        )
        batches(epoch=0)  # refuses what does not fit, before a callback is told of a start
        stream = (
            training.weighed(batch) for epoch in range(epochs) for batch in batches(epoch=epoch)
        )
        updates = taken(
            net,
            params,
            stream,
            optimizer=optimizer,
            value_and_grad=value_and_grad,
            kernels=kernels,
            l2=l2,
            dropout=dropout,
            seed=seed,
        )
        run = Run(net, epochs, -(-X.shape[-1] // batch_size), X.shape[-1])
        # A training that diverges ends in an error of its own, which says more than warnings.
        with backend.quiet(X):
            return training.through(updates, run)


def _cost_by(
    value_and_grad: Callable[..., tuple[Array, Params]] | None, kernels: Kernels, l2: float | Array
) -> Callable[..., Array]:
    """What parameters cost on a batch, by the loss that the training goes by."""
    settings: dict[str, Any] = {"kernels": kernels, "l2": l2}
    if value_and_grad is None:
        return functools.partial(unchecked_cost, **settings)
    own = functools.partial(value_and_grad, masks=None, **settings)
    return lambda *batch, **weights: own(*batch, **weights)[0]
