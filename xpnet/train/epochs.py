"""What one call of `fit` goes through: epochs, their costs, callbacks, and the ways it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, NoReturn

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.exceptions import DivergenceError
from xpnet.network import Network
from xpnet.network.arguments import as_floating
from xpnet.network.checks import check_finite
from xpnet.train.divergence import all_finite, check_start
from xpnet.train.evaluation import scores
from xpnet.types import Array, Batch, Epoch, Kernels, Optimizer, Params, Result, Run, Step

__all__ = ["Training", "tell_end"]


class Learned(NamedTuple):
    """Parameters, and how many epochs of the history are behind them."""

    params: Params
    rows: int


class Training:
    """One call of `fit`: what must be known when it ends, however it ends.

    A step's cost is that of the parameters before its update. So those at the end of an epoch are
    known to be finite when the next epoch's first cost is; at the end of all, one more cost tells.
    """

    def __init__(
        self,
        net: Network,
        params: Params,
        X: Array,
        optimizer: Optimizer,
        validation: tuple[Array, Array] | None,
        callbacks: Sequence[Any],
        kernels: Kernels | None,
        cost: Callable[..., Array],
    ) -> None:
        self.net, self.params, self.X = net, params, X
        self.start = self.completed = self.finite = Learned(params, 0)
        self.optimizer, self.validation, self.kernels = optimizer, validation, kernels
        self.callbacks, self.cost = callbacks, cost
        self.history: list[dict[str, Any]] = []
        self.number = self.index = 0
        self.batch: Batch | None = None
        self.costs: list[Array] = []
        self.sizes: list[Array | float] = []
        self.stopped = "all epochs done"

    def weighed(self, batch: Batch) -> Batch:
        """Note what `batch` weighs in the epoch's mean cost: S, left on the device."""
        s = batch.sample_weight
        size = float(batch.X.shape[-1]) if s is None else array_namespace(s).sum(s, axis=(-2, -1))
        self.sizes.append(size)
        self.batch = batch
        return batch

    def through(self, updates: Iterator[Step], run: Run) -> Result:
        """Every epoch; callbacks are told the end whatever happens."""
        try:
            self.epochs(updates, run)
            try:
                self.check_the_last()
            except KeyboardInterrupt:  # what was learned is kept, and must be checked to be
                self.stopped = "interrupted"
                self.check_the_last()
        except BaseException as error:
            self.stopped = f"failed: {str(error) or type(error).__name__}"
            return self.ended(error)
        return self.ended()

    def epochs(self, updates: Iterator[Step], run: Run) -> None:
        """Epochs until one of them is the last. Ctrl-C ends the training, not the program."""
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

    def epoch(self, number: int, updates: Iterable[Step]) -> None:
        """One epoch; the costs are read at its end, all in one go."""
        self.number = number
        start = time.perf_counter()
        for step in updates:
            self.index, self.params = step.index, step.params
            self.costs.append(step.cost)
            for callback in self.callbacks:
                callback.on_step(step)
        costs, sizes = self.read()
        seconds = time.perf_counter() - start
        self.raise_if_diverged(_finite(costs))
        row = {
            "epoch": number,
            "cost": _mean(costs, sizes),
            "learning_rate": _plain(self.optimizer.rate(self.index)),
            "seconds": seconds,
        }
        self.complete(row | self.validated())

    def complete(self, row: dict[str, Any]) -> None:
        """Enter the epoch into the history."""
        self.history.append(row)
        self.completed = Learned(self.params, len(self.history))
        if "val_cost" in row and _is_finite(row["val_cost"]):
            self.finite = self.completed
        self.costs.clear()
        self.sizes.clear()

    def read(self) -> tuple[Any, Any]:
        """The costs, and what their batches weigh, on the host after a single read."""
        if isinstance(self.sizes[0], float):
            return backend.read(self.costs), backend.read(self.sizes)
        both = backend.read([*self.costs, *map(_shaped_like, self.sizes, self.costs)])
        return both[: len(self.costs)], both[len(self.costs) :]

    def check_the_last(self) -> None:
        """Raise unless the costs that are unread are finite, and then the last parameters."""
        if self.costs:
            self.raise_if_diverged(_finite(backend.read(self.costs)))
        if self.batch is None or not self.index:
            return
        X, Y, weight = backend.detached(self.batch)
        J = self.cost(self.net, self.params, X, Y, sample_weight=weight)
        # Infinite weights may leave a cost finite: a unit of relu is then 0 for every sample.
        finite = _finite(backend.read([J])) & all_finite(self.params)
        self.raise_if_diverged(finite, at_end=True)

    def raise_if_diverged(self, finite: Any, *, at_end: bool = False) -> None:
        """Raise at the first cost that is not finite; else what came before the first one is."""
        steps = finite.reshape(len(finite), -1).all(axis=1)
        if not at_end and steps[0]:
            self.finite = self.completed
        if not steps.all():
            first = int(steps.argmin())
            self.raise_diverged(self.index - len(finite) + 1 + first, finite[first], at_end)

    def raise_diverged(self, step: int, finite: Any, at_end: bool) -> NoReturn:
        """Go back to what is known to be finite, and say who is to blame: the data, or the rate."""
        check_finite("X", self.X, "feature")
        check_start(self.start.params)
        if not all_finite(self.finite.params).all():
            self.finite = self.start
        self.params, rows = self.finite
        del self.history[rows:]
        rate = _plain(self.optimizer.rate(step))
        raise DivergenceError(
            self.number, step, rate, self.params, self.history, _members(finite), at_end
        )

    def validated(self) -> dict[str, Any]:
        """The epoch's costs and scores on the validation set, if there is one."""
        if self.validation is None:
            return {}
        found = scores(self.net, self.params, *self.validation, kernels=self.kernels)
        if not _is_finite(found["cost"]):
            X = as_floating(self.validation[0], self.params)
            check_finite("validation: X", X, "feature")
        return {f"val_{name}": value for name, value in found.items()}

    def told(self, number: int) -> list[str]:
        """Tell every callback of the epoch; return the reasons to stop."""
        epoch = Epoch(number, self.net, self.params, self.history[-1])
        answers = [callback.on_epoch(epoch) for callback in self.callbacks]
        return [answer for answer in answers if answer]

    def ended(self, failed: BaseException | None = None) -> Result:
        """Tell every callback of the end; see `tell_end`."""
        result = Result(self.params, tuple(self.history), self.stopped, self.index)
        return tell_end(self.callbacks, result, failed)


def tell_end(
    callbacks: Iterable[Any], result: Result, failed: BaseException | None = None
) -> Result:
    """Tell every callback of the end, whatever another of them raises.

    Parameters
    ----------
    callbacks : iterable of `xpnet.callbacks.Callback`
    result : Result
        Each callback may return another, or None to keep it.
    failed : exception, optional
        What ended the training. It is raised again, with what callbacks raised as its notes.

    Raises
    ------
    BaseException
        `failed`, or the first error of a callback. Ctrl-C is none: the training is over.
    """
    errors = [] if failed is None else [failed]
    for callback in callbacks:
        try:
            result = _answer(callback, result)
        except KeyboardInterrupt:
            result = result._replace(stopped="interrupted")
        except BaseException as error:
            errors.append(error)
    if not errors:
        return result
    for other in errors[1:]:
        errors[0].add_note(f"A callback failed at the end, too: {other!r}")
    raise errors[0]


def _answer(callback: Any, result: Result) -> Result:
    another = callback.on_end(result)
    if another is not None and not isinstance(another, Result):
        raise TypeError(
            f"{type(callback).__name__}.on_end returned a {type(another).__name__}: expected None, "
            "or a Result such as result._replace(params=…)"
        )
    return another or result


def _shaped_like(size: Array, cost: Array) -> Array:
    """What a batch weighs, for each network of a stack that shares its samples' weights."""
    if size.shape == cost.shape:
        return size
    return array_namespace(size).broadcast_to(size, cost.shape)


def _finite(costs: Any) -> Any:
    return abs(costs) < math.inf


def _is_finite(cost: Any) -> bool:
    """Whether a cost is finite: a number, or (nested) lists of them for a stack."""
    return all(map(_is_finite, cost)) if isinstance(cost, list) else math.isfinite(cost)


def _members(finite: Any) -> tuple[Any, ...]:
    """The indices, numbers or tuples of them, of those networks of a stack that are not finite."""
    if not finite.ndim:
        return ()
    places = zip(*(axis.tolist() for axis in (~finite).nonzero()), strict=True)
    return tuple(place[0] if len(place) == 1 else place for place in places)


def _mean(costs: Any, sizes: Any) -> Any:
    """``Σ S J / Σ S`` over an epoch's batches; 0 where nothing has a weight."""
    sizes = sizes[:, None] if sizes.ndim < costs.ndim else sizes
    total = sizes.sum(axis=0)
    return ((costs * sizes).sum(axis=0) / (total + (total == 0))).tolist()


def _plain(rate: Any) -> Any:
    """A learning rate as numbers on the host, for logs and messages."""
    return rate if isinstance(rate, float | int) else backend.to_numpy(rate).tolist()
