"""What one call of `fit` goes through: epochs, their costs, callbacks, and the ways it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.network import Network
from xpnet.train.divergence import DivergenceError
from xpnet.train.evaluation import evaluate
from xpnet.types import Array, Batch, Epoch, Kernels, Optimizer, Params, Result, Run, Step

__all__ = ["Training"]


class Training:
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
        costs, sizes = self.read()
        seconds = time.perf_counter() - start
        self.raise_if_diverged(number, index, costs)
        self.finite = self.params
        row = {
            "epoch": number,
            "cost": _mean(costs, sizes),
            "learning_rate": _plain(self.optimizer.rate(index)),
            "seconds": seconds,
        }
        self.history.append(row | self.validated())

    def read(self) -> tuple[Any, Any]:
        """The costs, and what their batches weigh, on the host after a single read."""
        if isinstance(self.sizes[0], float):
            return backend.read(self.costs), backend.read(self.sizes)
        both = backend.read([*self.costs, *map(_shaped_like, self.sizes, self.costs)])
        return both[: len(self.costs)], both[len(self.costs) :]

    def raise_if_diverged(self, epoch: int, last: int, costs: Any) -> None:
        """Raise `DivergenceError` at the first cost that is infinite or NaN."""
        finite = abs(costs.reshape(len(costs), -1)).max(axis=1) < math.inf
        if not finite.all():
            step = last - len(costs) + 1 + int(finite.argmin())
            rate = _plain(self.optimizer.rate(step))
            raise DivergenceError(epoch, step, rate, self.finite, tuple(self.history))

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
        """Tell every callback of the end; each may return another result, or None to keep it."""
        result = Result(self.params, tuple(self.history), self.stopped)
        for callback in self.callbacks:
            another = callback.on_end(result)
            if another is not None and not isinstance(another, Result):
                raise TypeError(
                    f"{type(callback).__name__}.on_end returned a {type(another).__name__}: "
                    "expected None, or a Result such as result._replace(params=…)"
                )
            result = another or result
        return result


def _shaped_like(size: Array, cost: Array) -> Array:
    """What a batch weighs, for each network of a stack that shares its samples' weights."""
    if size.shape == cost.shape:
        return size
    return array_namespace(size).broadcast_to(size, cost.shape)


def _mean(costs: Any, sizes: Any) -> Any:
    """``Σ S J / Σ S`` over an epoch's batches; 0 where nothing has a weight."""
    sizes = sizes[:, None] if sizes.ndim < costs.ndim else sizes
    total = sizes.sum(axis=0)
    return ((costs * sizes).sum(axis=0) / (total + (total == 0))).tolist()


def _plain(rate: Any) -> Any:
    """A learning rate as numbers on the host, for logs and messages."""
    return rate if isinstance(rate, float | int) else backend.to_numpy(rate).tolist()
