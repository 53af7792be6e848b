"""Training: `steps`, a generator of one update after another, and `fit`, epochs of them.

Nothing in an epoch waits for the device: costs stay where they were computed until the epoch ends.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from array_api_compat import array_namespace, is_dask_array, is_torch_array

from xpnet import backend, data
from xpnet.metrics import METRICS
from xpnet.network import Network, forward
from xpnet.network.defaults import compiled_for, default_kernels, kernels_for_one_run
from xpnet.network.gradient import check_batch, unchecked_value_and_grad
from xpnet.network.propagate import as_floating
from xpnet.types import (
    Array,
    Batch,
    Epoch,
    Kernels,
    Optimizer,
    OptimizerState,
    Params,
    Result,
    Run,
    Step,
)

__all__ = ["DivergenceError", "evaluate", "fit", "steps"]


class DivergenceError(ArithmeticError):
    """The cost became infinite or NaN.

    Attributes
    ----------
    epoch, step : int
        Where: the epoch, and the first bad step counted over the whole training, both from 1.
    learning_rate : float or array
        The optimiser's rate at that step.
    params : Params
        The parameters after the last epoch whose costs were all finite.
    """

    def __init__(self, epoch: int, step: int, learning_rate: Any, params: Params) -> None:
        self.epoch, self.step, self.learning_rate, self.params = epoch, step, learning_rate, params
        super().__init__(
            f"the cost is not finite from step {step} on, in epoch {epoch}, at learning rate "
            f"{learning_rate}: lower the learning rate, clip the gradients "
            "(xpnet.optim.clip), or scale X; .params holds the last finite epoch's parameters"
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
        ``X (..., n_x, m)``, ``Y (..., n_y, m)``; shapes and dtypes are checked on the first.
    optimizer : Optimizer
        From `xpnet.optim`.
    value_and_grad : function, optional
        In place of `xpnet.value_and_grad`, with its signature: compiled, distributed, …
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
        As `xpnet.value_and_grad`, at the first batch; or if `dropout` is not in [0, 1).
    """
    _check_dropout(dropout)
    params = backend.detached(params)
    state = optimizer.init(params)
    for index, batch in enumerate(batches, 1):
        X, Y, weight = Batch(*batch)
        weight = sample_weight if weight is None else weight
        if index == 1:
            check_batch(net, params, X, Y, weight)
            step, kernels = _step_and_kernels(X, value_and_grad, kernels)
            may_require_grad = is_torch_array(X)
        if may_require_grad:
            X, Y, weight = backend.detached((X, Y, weight))
        t = state.t + 1
        params, slots, J = step(
            net,
            params,
            state.slots,
            X,
            Y,
            optimizer.numbers(t),
            apply=optimizer.apply,
            kernels=kernels,
            sample_weight=weight,
            l2=l2,
            masks=_masks(params, X, dropout, (seed, index)) if dropout else None,
        )
        state = OptimizerState(t, slots)
        yield Step(index, params, J, state)


def _step_and_kernels(
    X: Array, value_and_grad: Callable[..., tuple[Array, Params]] | None, kernels: Kernels | None
) -> tuple[Callable[..., Any], Kernels]:
    """The training step for arrays like X: compiled as a whole where nothing else is asked for."""
    if value_and_grad is None and kernels is None:
        return compiled_for(X, _default_step), kernels_for_one_run(X)
    step = _default_step if value_and_grad is None else _step_by(value_and_grad)
    return step, kernels or kernels_for_one_run(X)


def _step_by(value_and_grad: Callable[..., tuple[Array, Params]]) -> Callable[..., Any]:
    """One training step: the gradients of `value_and_grad`, applied by an optimiser."""

    def step(
        net: Network,
        params: Params,
        slots: tuple[Params, ...],
        X: Array,
        Y: Array,
        numbers: dict[str, Any],
        *,
        apply: Callable[..., Any],
        kernels: Kernels,
        **settings: Any,
    ) -> tuple[Params, tuple[Params, ...], Array]:
        J, grads = value_and_grad(net, params, X, Y, kernels=kernels, **settings)
        params, slots = apply(params, grads, slots, numbers, kernels)
        return params, slots, J

    return step


_default_step = _step_by(unchecked_value_and_grad)


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
    callbacks: Sequence[Any] = (),
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
        Where to start; never written to.
    X : array, shape (n_x, m)
        Samples as columns. Lies best as the transpose of a C-contiguous ``(m, n_x)``; otherwise
        one such copy is made. Integers are cast to the dtype of `params`.
    Y : array, shape (n_y, m)
        Targets; labels as one-hot columns.
    optimizer : Optimizer
        From `xpnet.optim`.
    epochs : int, default 10
    batch_size : int, default 128
        Samples a step; the last, short batch of an epoch is trained on too.
    seed : int, default 0
        Of the order of samples and of dropout: one seed, one result.
    validation : tuple of arrays (X, Y), optional
        Costs and scores on it go into the history after each epoch.
    callbacks : sequence of `xpnet.callbacks.Callback`
        Progress, early stopping, checkpoints, logs.
    value_and_grad, kernels, l2, dropout
        As in `steps`.
    sample_weight : array, shape (..., 1, m), optional
        Non-negative weights, one a sample.

    Returns
    -------
    Result
        ``params``, ``history`` and ``stopped``. Ctrl-C ends the training, not the program: what
        has been learned so far is returned, with ``stopped == "interrupted"``.

    Raises
    ------
    DivergenceError
        If a cost is not finite; it carries the last finite epoch's parameters.
    ValueError, TypeError
        As `steps`.
    """
    _refuse_dask(X)
    _check_dropout(dropout)
    X, Y = as_floating(X, params), as_floating(Y, params)
    training = _Training(net, params, optimizer, validation, callbacks, kernels)
    check_batch(net, params, X, Y, sample_weight)
    batches = functools.partial(
        data.batches,
        data.sample_major(X),
        data.sample_major(Y),
        batch_size=batch_size,
        seed=seed,
        sample_weight=sample_weight,
    )
    batches(epoch=0)  # refuses what does not fit, before a callback is told of a start
    stream = (training.weighed(batch) for epoch in range(epochs) for batch in batches(epoch=epoch))
    updates = steps(
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
    return training.through(updates, run)


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
        ``cost`` and the metric of the network's output: ``accuracy`` (sigmoid, softmax), ``r2``
        (identity) or ``d2`` (exp). A stack's values are lists.

    Raises
    ------
    ValueError, TypeError
        As `xpnet.value_and_grad`.
    """
    X, Y = as_floating(X, params), as_floating(Y, params)
    check_batch(net, params, X, Y, None)
    kernels = kernels or default_kernels(X)
    last = forward(net, params, X, kernels=kernels)[-1]
    metric = METRICS[net.output]
    cost = kernels.output_cost(net.output, last.Z, Y, 1.0 / X.shape[-1])
    cost_and_score = backend.read([cost, metric.score(last.A, Y)])
    return dict(zip(("cost", metric.name), cost_and_score.tolist(), strict=True))


class _Training:
    """One call of `fit`: what must be known when it ends, however it ends."""

    def __init__(
        self,
        net: Network,
        params: Params,
        optimizer: Optimizer,
        validation: tuple[Array, Array] | None,
        callbacks: Sequence[Any],
        kernels: Kernels | None,
    ) -> None:
        self.net, self.params, self.finite = net, params, params
        self.optimizer, self.validation, self.kernels = optimizer, validation, kernels
        self.callbacks = callbacks
        self.history: list[dict[str, Any]] = []
        self.costs: list[Array] = []
        self.sizes: list[Array | float] = []
        self.stopped = "all epochs done"

    def weighed(self, batch: Batch) -> Batch:
        """Note what `batch` weighs in the epoch's mean cost: S, left on the device."""
        s = batch.sample_weight
        size = float(batch.X.shape[-1]) if s is None else array_namespace(s).sum(s, axis=(-2, -1))
        self.sizes.append(size)
        return batch

    def through(self, updates: Iterator[Step], run: Run) -> Result:
        """Every epoch; callbacks are told the end whatever happens."""
        try:
            for callback in self.callbacks:
                callback.on_start(run)
            for number in range(1, run.epochs + 1):
                self.epoch(number, islice(updates, run.steps_per_epoch))
                if reasons := self.told(number):
                    self.stopped = reasons[0]
                    break
        except KeyboardInterrupt:
            self.stopped = "interrupted"
        except Exception as error:
            self.stopped = f"failed: {error}"
            self.ended()
            raise
        return self.ended()

    def epoch(self, number: int, updates: Iterable[Step]) -> None:
        """One epoch; the costs are read at its end, all in one go."""
        self.costs.clear()
        self.sizes.clear()
        start = time.perf_counter()
        index = 0
        for step in updates:
            index, self.params = step.index, step.params
            self.costs.append(step.cost)
            for callback in self.callbacks:
                callback.on_step(step)
        costs = backend.read(self.costs)
        seconds = time.perf_counter() - start
        self.raise_if_diverged(number, index, costs)
        self.finite = self.params
        row = {
            "epoch": number,
            "cost": self.mean(costs),
            "learning_rate": _plain(self.optimizer.rate(index)),
            "seconds": seconds,
        }
        self.history.append(row | self.validated())

    def mean(self, costs: Any) -> Any:
        """``Σ S J / Σ S`` over the epoch's batches; 0 where nothing has a weight."""
        sizes = backend.read(self.sizes)
        sizes = sizes[:, None] if sizes.ndim < costs.ndim else sizes
        total = sizes.sum(axis=0)
        return ((costs * sizes).sum(axis=0) / (total + (total == 0))).tolist()

    def raise_if_diverged(self, epoch: int, last: int, costs: Any) -> None:
        """Raise `DivergenceError` at the first cost that is infinite or NaN."""
        finite = abs(costs.reshape(len(costs), -1)).max(axis=1) < math.inf
        if not finite.all():
            step = last - len(costs) + 1 + int(finite.argmin())
            raise DivergenceError(epoch, step, _plain(self.optimizer.rate(step)), self.finite)

    def validated(self) -> dict[str, Any]:
        """The epoch's costs and scores on the validation set, if there is one."""
        if self.validation is None:
            return {}
        scores = evaluate(self.net, self.params, *self.validation, kernels=self.kernels)
        return {f"val_{name}": value for name, value in scores.items()}

    def told(self, number: int) -> list[str]:
        """Tell every callback of the epoch; return the reasons to stop."""
        epoch = Epoch(number, self.net, self.params, self.history[-1])
        answers = [callback.on_epoch(epoch) for callback in self.callbacks]
        return [answer for answer in answers if answer]

    def ended(self) -> Result:
        """Tell every callback of the end; each may return another result."""
        result = Result(self.params, tuple(self.history), self.stopped)
        for callback in self.callbacks:
            result = callback.on_end(result)
        return result


def _plain(rate: Any) -> Any:
    """A learning rate as numbers on the host, for logs and messages."""
    return rate if isinstance(rate, float | int) else backend.to_numpy(rate).tolist()


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


def _check_dropout(dropout: float) -> None:
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is {dropout}: expected a share of units, 0 or more and below 1")


def _refuse_dask(X: Array) -> None:
    if is_dask_array(X):
        raise TypeError(
            "X is a Dask array: fit does not train on Dask; use xpnet.value_and_grad on it, or "
            "move X with X.compute()"
        )
