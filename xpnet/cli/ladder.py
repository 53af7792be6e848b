"""The rungs that ``xpnet bench`` compares, each doing the same whole training step.

A step is forward, backward and Adam's update of a network with one hidden layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from xpnet import LOOPED, VECTORIZED, Network, backend, optim, steps, value_and_grad
from xpnet.cli.timing import check_agreement, interleaved_medians
from xpnet.fused import UNFUSED, accelerator
from xpnet.types import Array, Dense, Kernels, Params

__all__ = ["NETWORKS", "UNITS", "Comparison", "climb", "compare_kernels", "compare_stack", "rungs"]

NETWORKS = 64
"""In a stack."""

UNITS = (4, 8, 16, 32, 64)

_BEARABLE = 0.2
"""Seconds of a step from which on no larger network is tried: loops wait for every scalar."""

_CLASSES = 10


def rungs(X: Array) -> Mapping[str, Kernels | None]:
    """What there is to compare on arrays like X, the slowest first; None is `steps`' own choice."""
    plain = {"looped": LOOPED, "vectorized": VECTORIZED}
    return {**plain, "fused": None} if _is_fused(X) else plain


def _is_fused(X: Array) -> bool:
    return backend.fusing() and accelerator(array_namespace(X)) is not UNFUSED


class _Tolerance(NamedTuple):
    """Differences allowed in cost and gradients, and in Adam's update.

    Adam divides a gradient by its own size, so where one is near zero its rounding shows.
    """

    gradients: float
    update: float


_TOLERANCES = {"float32": _Tolerance(1e-4, 5e-2), "float64": _Tolerance(1e-9, 1e-4)}


class Comparison(NamedTuple):
    """Median seconds of a step on each rung, for layers of so many units and samples."""

    units: int
    seconds: dict[str, float]

    @property
    def speed_ups(self) -> dict[str, float]:
        """How many times faster each rung is than the first, for all but the first."""
        slowest, *others = self.seconds
        return {name: self.seconds[slowest] / self.seconds[name] for name in others}


class _Case(NamedTuple):
    """A network of `units` inputs and hidden units, and a batch of as many samples."""

    net: Network
    X: Array
    Y: Array
    tolerance: _Tolerance

    @classmethod
    def of(cls, units: int) -> _Case:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, _CLASSES, units)
        place = backend.default_backend()
        X = backend.asarray(rng.standard_normal((units, units)), backend=place)
        Y = backend.asarray(np.eye(_CLASSES)[:, labels], backend=place)
        net = Network((units, units, _CLASSES), "tanh", "softmax")
        return cls(net, X, Y, _TOLERANCES[place.dtype])

    def cost_and_gradients(
        self, params: Params, kernels: Kernels | None = VECTORIZED
    ) -> tuple[Array, Params]:
        return value_and_grad(self.net, params, self.X, self.Y, kernels=kernels)

    def stepper(self, params: Params, kernels: Kernels | None) -> Callable[[], Params]:
        """Return a function that goes on training by a step and returns the parameters."""
        updates = steps(
            self.net, params, repeat((self.X, self.Y)), optimizer=optim.adam(), kernels=kernels
        )
        return lambda: next(updates).params


def climb(compare: Callable[[int], Comparison]) -> list[Comparison]:
    """Return what `compare` measures for one number of units after the other."""
    comparisons = []
    for units in UNITS:
        comparisons.append(compare(units))
        if max(comparisons[-1].seconds.values()) > _BEARABLE:
            break
    return comparisons


def compare_kernels(units: int) -> Comparison:
    """Time a step on each rung, after a check that all find the same cost, gradients and update.

    Raises
    ------
    ArithmeticError
        Where they do not.
    """
    case = _Case.of(units)
    params = case.net.init(seed=0, like=case.X)
    kinds = rungs(case.X)
    found = {name: case.cost_and_gradients(params, kernels) for name, kernels in kinds.items()}
    check_agreement(found, case.tolerance.gradients)
    functions = {name: case.stepper(params, kernels) for name, kernels in kinds.items()}
    updates = {name: _difference(function(), params) for name, function in functions.items()}
    check_agreement(updates, case.tolerance.update)
    return Comparison(units, interleaved_medians(functions))


def compare_stack(units: int) -> Comparison:
    """Time a step of `NETWORKS` networks, one after the other and as one stack.

    Raises
    ------
    ArithmeticError
        Where the two do not find the same costs, gradients and parameters.
    """
    case = _Case.of(units)
    members = [case.net.init(seed=seed, like=case.X) for seed in range(NETWORKS)]
    stack = _stacked(members)
    found = {
        "one by one": _stacked([case.cost_and_gradients(params) for params in members]),
        "stacked": case.cost_and_gradients(stack),
    }
    stacks = {"stacked": case.stepper(stack, VECTORIZED)}
    if _is_fused(case.X):
        found["stacked, fused"] = case.cost_and_gradients(stack, None)
        stacks["stacked, fused"] = case.stepper(stack, None)
    check_agreement(found, case.tolerance.gradients)
    apart = [case.stepper(params, VECTORIZED) for params in members]
    updates = {
        "one by one": _difference(_stacked([function() for function in apart]), stack),
        **{name: _difference(function(), stack) for name, function in stacks.items()},
    }
    check_agreement(updates, case.tolerance.update)
    functions = {"one by one": lambda: [function() for function in apart], **stacks}
    return Comparison(units, interleaved_medians(functions))


def _difference(after: Params, before: Params) -> Params:
    return tuple(
        Dense(new.W - old.W, new.b - old.b) for new, old in zip(after, before, strict=True)
    )


def _stacked(trees: Sequence[Any]) -> Any:
    """Return equal trees of arrays as one tree of arrays with a new first axis."""
    first = trees[0]
    if isinstance(first, tuple):
        branches = (_stacked(branch) for branch in zip(*trees, strict=True))
        return Dense(*branches) if isinstance(first, Dense) else tuple(branches)
    return array_namespace(first).stack(list(trees))
