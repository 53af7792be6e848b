"""Costs of an epoch's steps, and what their batches weigh in the mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.data.batches import blocks, chosen
from xpnet.train.steps import order_of
from xpnet.types import Array, Batches


def weight_of(m: int, s: Array | None) -> Array | float:
    """What a batch of m samples weighs in the epoch's mean cost: S, left on the device."""
    return float(m) if s is None else array_namespace(s).sum(s, axis=(-2, -1))


class EpochCosts:
    """Costs and weights of the steps since the newest row of the history, where they lie.

    Parameters
    ----------
    weigh : function ``(m, sample_weight) -> float or array``
        The weight of a batch.

    Attributes
    ----------
    newest : list of sequence of arrays
        The costs of each step or run of this process.
    weights : list of float or array
        What the batch of each weighs.
    earlier : tuple of arrays on the host, or None
        Costs and weights of the epoch's steps in an earlier process.
    """

    def __init__(self, weigh: Callable[[int, Array | None], Array | float]) -> None:
        self.weigh = weigh
        self.newest: list[Sequence[Array]] = []
        self.weights: list[Array | float] = []
        self.earlier: tuple[Any, Any] | None = None
        self.host_weight: tuple[Any, Any] = None, None  # those of samples, and a copy there

    def enter(self, costs: Sequence[Array], weights: Sequence[Array | float]) -> None:
        """Enter those of a step or of a run of steps."""
        self.newest.append(costs)
        self.weights.extend(weights)

    def clear(self) -> None:
        """Forget those of an epoch that is over."""
        self.newest.clear()
        self.weights.clear()
        self.earlier = None

    def weights_of(self, batches: Batches, first: int, count: int) -> list[Array | float]:
        """What so many batches weigh, on the host."""
        m, s = batches.X.shape[-2], batches.sample_weight
        if s is None:
            last = min(batches.size, m - (first + count - 1) * batches.size)
            weights = [self.weigh(batches.size, None)] * count
            weights[-1] = self.weigh(last, None)
            return weights
        if self.host_weight[0] is not s:
            self.host_weight = s, backend.to_numpy(s)
        order = order_of(batches)
        if order is None:
            return [self.weigh(m, self.host_weight[1])] * count
        bounds = islice(blocks(m, batches.size), first, first + count)
        return [
            self.weigh(stop - start, chosen(self.host_weight[1], order[..., start:stop]))
            for start, stop in bounds
        ]

    @property
    def are_unread(self) -> bool:
        """Whether there are any that are not in the history yet."""
        return bool(self.newest) or self.earlier is not None

    def read(self) -> tuple[Any, Any]:
        """The epoch's costs so far, and what their batches weigh, on the host."""
        if self.earlier is None:
            return self._read()
        if not self.newest:
            return self.earlier
        costs, weights = zip(self.earlier, self._read(), strict=True)
        concat = array_namespace(*costs).concat
        return concat(costs), concat(weights)

    def _read(self) -> tuple[Any, Any]:
        """Those of this process, after a single read."""
        # A run's, which may be one array, as they are.
        costs = self.newest[0] if len(self.newest) == 1 else list(chain(*self.newest))
        if isinstance(self.weights[0], float):
            return backend.read(costs), backend.read(self.weights)
        both = backend.read([*costs, *map(_shaped_like, self.weights, costs)])
        return both[: len(costs)], both[len(costs) :]


def _shaped_like(weight: Array, cost: Array) -> Array:
    """What a batch weighs, for each network of a stack that shares its samples' weights."""
    if weight.shape == cost.shape:
        return weight
    return array_namespace(weight).broadcast_to(weight, cost.shape)


def means(costs: Any, weights: Any, epochs: int) -> Any:
    """``Σ S J / Σ S`` over the batches of each epoch; 0 where nothing has a weight."""
    weights = weights.reshape(*weights.shape, *(1,) * (costs.ndim - weights.ndim))
    sums, totals = (
        each.reshape(epochs, -1, *each.shape[1:]).sum(axis=1) for each in (costs * weights, weights)
    )
    return (sums / (totals + (totals == 0))).tolist()
