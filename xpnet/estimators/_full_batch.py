"""Training by L-BFGS on all samples at once, walked over in blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from sklearn.exceptions import ConvergenceWarning

from xpnet.estimators._audience import Audience, say
from xpnet.estimators._devices import on_host
from xpnet.estimators._divergence import DivergedError
from xpnet.estimators._prediction import rows_at_once
from xpnet.estimators._reported import reported
from xpnet.estimators._rows import columns_between
from xpnet.estimators._samples import Samples
from xpnet.estimators._sklearn_private import warn
from xpnet.network import Network
from xpnet.network.blocks import in_blocks
from xpnet.network.defaults import accelerator_for, default_kernels
from xpnet.network.gradients import unchecked_value_and_grad
from xpnet.optim.lbfgs import Minimum, lbfgs
from xpnet.types import Array, Params, Run

__all__ = ["FTOL", "fit_full_batch", "loss_on", "rows_a_block"]

CACHED_ROWS = 1024
"""A block whose activations a processor's cache holds."""

FTOL = 2.220446049250313e-09
"""SciPy's: a step that lowers the loss by less, relatively, is the last."""


def fit_full_batch(
    model: Any,
    net: Network,
    params: Params,
    samples: Samples,
    loss: Callable[[Params], tuple[Array, Params]],
    *,
    ftol: float,
    max_evaluations: int | None = None,
    preconditioner: Callable[[Params], Callable[[Params], Params]] | None = None,
) -> Params:
    """Minimise `loss` by L-BFGS; return the parameters.

    Parameters
    ----------
    model : estimator
        Its ``max_iter`` and ``tol`` say how far to go.
    net : Network
    params : Params
        Where to start.
    samples : Samples
        What callbacks are told of.
    loss : function
        ``params -> (cost, grads)``, such as `loss_on` returns.
    ftol, max_evaluations, preconditioner
        As in `xpnet.optim.lbfgs`.
    """
    run = Run(net, model.max_iter, 1, samples.m)
    audience = Audience(model, samples, run, "lbfgs-iter")
    began = [time.perf_counter()]

    def told(best: Minimum) -> str:
        _note(model, best)
        began.append(time.perf_counter())
        say(model, f"Iteration {best.iterations}, loss = {best.cost:.8f}")
        row = {"epoch": best.iterations, "cost": best.cost, "seconds": began[-1] - began[-2]}
        model.stopped_ = reason = audience.round_ended(best.params, row)
        if not (reason or best.message):
            audience.round_started()
        return reason

    # The search steps back from what overflows, and says so where it cannot.
    @np.errstate(over="ignore", invalid="ignore")
    def searched() -> Minimum:
        try:
            return lbfgs(
                loss,
                params,
                max_iter=model.max_iter,
                tol=model.tol,
                ftol=ftol,
                max_evaluations=max_evaluations,
                preconditioner=preconditioner,
                callback=told,
            )
        except ValueError as error:
            if audience.history:
                raise
            raise DivergedError(
                "The loss is not finite at the first parameters. The input data may contain large "
                "values and need to be preprocessed: scale X, and y in regression"
            ) from error

    def minimised() -> Params:
        if model.max_iter:
            audience.round_started()
        best = searched()
        best = best._replace(message=best.message.replace("max_evaluations", "max_fun"))
        _note(model, best)
        model.stopped_ = model.stopped_ or best.message
        _warn(model, best, "max_iter" if max_evaluations is None else "max_iter or max_fun")
        return best.params

    model.stopped_ = ""
    model._hold(params)
    return audience.around(minimised)


def _note(model: Any, best: Minimum) -> None:
    """Bring the fitted attributes up to date."""
    model.n_iter_, model.loss_ = best.iterations, best.cost
    model._hold(best.params)


def _warn(model: Any, best: Minimum, limits: str) -> None:
    """Warn as scikit-learn does where the search ended too early."""
    if not best.converged:
        warn(
            model,
            f"lbfgs failed to converge after {best.iterations} iteration(s): {best.message}.\n\n"
            f"You might want to raise {limits}, or to scale the data.",
            ConvergenceWarning,
        )


def loss_on(net: Network, samples: Samples, l2: float) -> Callable[[Params], tuple[Array, Params]]:
    """The loss on all of `samples`, and its gradients, as functions of the parameters alone."""
    like, s = samples.Y, samples.weights
    X = _Columns(samples.X)
    Y = array_namespace(like).matrix_transpose(like)
    weight = None if s is None else s[None, :]
    gradient = reported(net) or accelerator_for(like).value_and_grad(unchecked_value_and_grad)
    blockwise = in_blocks(gradient, rows_a_block(net, like))
    kernels = default_kernels(like)

    def value_and_grad(params: Params) -> tuple[Array, Params]:
        return blockwise(net, params, X, Y, kernels=kernels, sample_weight=weight, l2=l2)

    return value_and_grad


def rows_a_block(net: Network, like: Array) -> int:
    """How many samples to walk over at a time: on the host, so many that caches hold them."""
    return CACHED_ROWS if on_host(like) else rows_at_once(net, like)


class _Columns:
    """Samples lying as rows, seen as columns; a block of a sparse X is made dense when asked for.

    Parameters
    ----------
    X : array or sparse matrix, shape (m, n_x)
    """

    def __init__(self, X: Array) -> None:
        self.X, self.shape = X, X.shape[::-1]

    def __getitem__(self, key: tuple[Any, slice]) -> Array:
        return columns_between(self.X, key[1].start, key[1].stop)
