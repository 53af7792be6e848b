"""Fitting by L-BFGS on all samples at once, whose loss is summed over blocks of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning

from xpnet.estimators._devices import on_host
from xpnet.estimators._loss import sklearn_value_and_grad
from xpnet.estimators._prediction import rows_at_once
from xpnet.estimators._samples.batches import Samples, columns_between
from xpnet.estimators._sklearn.warnings import warn
from xpnet.estimators._solvers.callbacks import ScikitLearnCallbacks, say
from xpnet.estimators._solvers.sparse import SparseColumns, lbfgs_by_features
from xpnet.estimators._state import DivergedError
from xpnet.exceptions import NotFiniteError
from xpnet.network import Network
from xpnet.network.blocks import in_blocks
from xpnet.network.defaults import accelerator_for, default_kernels, training_kernels
from xpnet.network.gradients import unchecked_value_and_grad
from xpnet.optim.lbfgs import Minimum, lbfgs
from xpnet.train.training import Training
from xpnet.types import Array, Params, Run

Found = TypeVar("Found")

CACHED_ROWS = 1024
"""A block whose activations a processor's cache holds."""

FTOL = 2.220446049250313e-09
"""SciPy's: a step that lowers the loss by less, relatively, is the last."""


def fit_lbfgs(
    model: Any,
    net: Network,
    params: Params,
    samples: Samples,
    loss: Callable[[Params], tuple[Array, Params]],
    minimise: Callable[..., Minimum] | None = None,
    **options: Any,
) -> None:
    """Minimise `loss`, such as `loss_on` returns, by L-BFGS, or by `minimise`, from `params`.

    ``max_iter`` and ``tol`` of `model` say how far to go; its fitted attributes are kept current.
    `options` are those of `minimise`: ``ftol``, ``max_evaluations``, ``preconditioner``.
    """
    run = Run(net, model.max_iter, 1, samples.m)
    scikit_learns = ScikitLearnCallbacks(model, samples, run.epochs, "lbfgs-iter")
    training = Training(run, params, (*model.callbacks, scikit_learns))
    training.stopped = ""
    began = time.perf_counter()

    def iterated(best: Minimum) -> str:
        nonlocal began
        _hold(model, training, best)
        say(model, f"Iteration {best.iterations}, loss = {best.cost:.8f}")
        seconds, began = time.perf_counter() - began, time.perf_counter()
        row = {"epoch": best.iterations, "cost": best.cost, "seconds": seconds}
        if not training.complete(row) and not best.message:
            scikit_learns.begin_round()
        return training.stopped

    model._hold(params)
    with training.ending(), _without_threads(net, samples):
        training.start()
        if model.max_iter:
            scikit_learns.begin_round()
        options |= {"max_iter": model.max_iter, "tol": model.tol, "callback": iterated}
        search = minimise or (lbfgs_by_features if issparse(samples.X) else lbfgs)
        best = _searched(training, partial(search, loss, params, **options))
        _hold(model, training, best)
        training.stopped = training.stopped or best.message
        _warn(model, best, "max_iter or max_fun" if "max_evaluations" in options else "max_iter")
    scikit_learns.fitted(training.result)


def _searched(training: Training, search: Callable[[], Minimum]) -> Minimum:
    """The minimum found, or scikit-learn's error where there is nothing to start from."""
    # The search steps back from what overflows, and says so where it cannot.
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            best = search()
    except NotFiniteError as error:
        if training.history:
            raise
        raise DivergedError(
            "The loss is not finite at the first parameters. The input data may contain large "
            "values and need to be preprocessed: scale X, and y in regression"
        ) from error
    return best._replace(message=best.message.replace("max_evaluations", "max_fun"))


def _hold(model: Any, training: Training, best: Minimum) -> None:
    """Bring the fitted attributes and the result for callbacks up to date."""
    training.params, training.steps = best.params, best.iterations
    model.n_iter_, model.loss_ = best.iterations, best.cost
    model._hold(best.params)


def _warn(model: Any, best: Minimum, limits: str) -> None:
    """Warn as scikit-learn does where the search ended too early."""
    if not best.converged:
        warn(
            model,
            f"{model.solver} failed to converge after {best.iterations} iteration(s): "
            f"{best.message}.\n\n"
            f"You might want to raise {limits}, or to scale the data.",
            ConvergenceWarning,
        )


def loss_on(net: Network, samples: Samples, l2: float) -> Callable[[Params], tuple[Array, Params]]:
    """The loss on all of `samples`, and its gradients, as functions of the parameters alone."""
    like, s = samples.Y, samples.weights
    X = _Transposed(samples.X)
    Y = array_namespace(like).matrix_transpose(like)
    weight = None if s is None else s[None, :]
    accelerator, theirs = accelerator_for(like), sklearn_value_and_grad(net)
    rows, threads = rows_a_block(net, samples), 1 if theirs else threads_for(net, samples)
    own = [accelerator.value_and_grad(unchecked_value_and_grad) for _ in range(threads)]
    gradient = theirs or (own[0] if threads == 1 else _by_whichever_is_free(own))
    # A gradient is held for one step only: a large one may lie where the last one was.
    kernels = (training_kernels if issparse(samples.X) else default_kernels)(like)

    def value_and_grad(params: Params) -> tuple[Array, Params]:
        options = {"kernels": kernels, "sample_weight": weight, "l2": l2}
        return on_threads(
            threads,
            lambda each: in_blocks(gradient, rows, each=each)(net, params, X, Y, **options),
        )

    return value_and_grad


def _without_threads(net: Network, samples: Samples) -> AbstractContextManager[None]:
    """Of a sparse X in one block, the library's threads share what lies between two products."""
    if issparse(samples.X) and threads_for(net, samples) == 1:
        return nullcontext()
    return accelerator_for(samples.Y).without_threads(net)


def threads_for(net: Network, samples: Samples) -> int:
    """How many threads take blocks of the samples in turn."""
    blocks = -(-samples.m // rows_a_block(net, samples))
    return min(accelerator_for(samples.Y).threads(net), blocks)


def on_threads(number: int, function: Callable[[Callable[..., Any]], Found]) -> Found:
    """Return ``function(each)``, where `each` is `map`, or that of so many threads."""
    if number > 1:
        # Once the program has ended, the threads that go on may start no others.
        with suppress(RuntimeError), ThreadPoolExecutor(number) as pool:
            return function(pool.map)
    return function(map)


def _by_whichever_is_free(functions: list[Callable[..., Any]]) -> Callable[..., Any]:
    """One function for as many threads as there are `functions`, each of which is for one."""

    def function(*args: Any, **settings: Any) -> Any:
        free = functions.pop()
        try:
            return free(*args, **settings)
        finally:
            functions.append(free)

    return function


def rows_a_block(net: Network, samples: Samples) -> int:
    """How many samples to sum over at a time: on the host, so many that caches hold them.

    Of a sparse X many more, as a block of it costs less than the gradients that each block makes.
    """
    X, like = samples.X, samples.Y
    cached = on_host(like) and not issparse(X)
    return CACHED_ROWS if cached else rows_at_once(net, X, like)


class _Transposed:
    """Rows X ``(m, n_x)`` seen as columns, a block when asked for."""

    def __init__(self, X: Array) -> None:
        self.X, self.shape = X, X.shape[::-1]
        self.kept: dict[tuple[int, int], SparseColumns] = {}

    def __getitem__(self, key: tuple[Any, slice]) -> Array:
        bounds = key[1].start, key[1].stop
        if not issparse(self.X):
            return columns_between(self.X, *bounds)
        if bounds not in self.kept:
            self.kept[bounds] = SparseColumns(columns_between(self.X, *bounds))
        return self.kept[bounds]
