"""Run of training steps as CUDA graphs: one upload for all of them, and one launch for each.

A graph draws its batch and its numbers itself: which of them, it reads on the device, where each
step counts one further.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import cupy
import numpy as np

from xpnet.fused import TrainingRun
from xpnet.fused.cupy.driver import MOST_BLOCKS, Driver, Launch
from xpnet.fused.cupy.graph import Capture, Captured, fixed
from xpnet.fused.cupy.plan import Moving, Numbers, Options, Plan, State
from xpnet.fused.cupy.source import WORDS
from xpnet.fused.cupy.step import Loop, Planned, Update, suits, update_of
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Kernels, Params

_HEAD = 6  # words of the structure Run of graph.cu
_INT = np.dtype("int64")


def captured_run(driver: Driver) -> TrainingRun:
    """Runs of one training loop; none of what is left to steps.

    That is weights of samples, rates and penalties of each network's own, arrays elsewhere or of
    another dtype, and all after a failure of the first step, of which it warns.
    """
    loop: _RunLoop | None = None
    failed = False

    def run(
        net: Any,
        params: Params,
        moments: tuple[Params, ...],
        batches: Batches,
        hyperparameters: Sequence[dict[str, Any]],
        *,
        kernels: Kernels,
        apply: Callable[..., Any],
        l2: Any,
        dropout: Sequence[Dropout] | None,
    ) -> Any:
        nonlocal loop, failed
        updates = _updates_of(apply, hyperparameters)
        if failed or not updates or not isinstance(l2, float | int):
            return None
        if not suits(net, params) or not _fit(net, params, batches):
            return None
        if loop is None or not loop.continues(params, moments):
            loop = _RunLoop(driver, net, params, moments)
        done = loop.run(updates, params, moments, batches, l2, dropout)
        failed = loop.failed
        return done

    return run


def _updates_of(apply: Any, hyperparameters: Sequence[dict[str, Any]]) -> list[Update]:
    """What is done at each step; nothing where that is not one kernel with numbers alone."""
    updates = [update_of(apply, numbers) for numbers in hyperparameters]
    found = [update for update in updates if update and isinstance(update.rate, float | int)]
    alike = len({update[:2] for update in found}) == 1
    return found if alike and len(found) == len(updates) else []


def _fit(net: Any, params: Params, batches: Batches) -> bool:
    """Whether samples lie by rows, beside the parameters."""
    X, Y, weight, *_ = batches
    n_x, *_, n_y = net.sizes
    device = cupy.cuda.device.get_device_id()
    return weight is None and all(
        isinstance(array, cupy.ndarray)
        and array.dtype == params[0].W.dtype
        and array.shape == (X.shape[0], n)
        and array.flags.c_contiguous
        and array.data.device_id == device
        for array, n in ((X, n_x), (Y, n_y))
    )


class _RunLoop(Loop):
    """The state of one training loop, and a graph for each size of batch."""

    def __init__(
        self, driver: Driver, net: Any, params: Params, moments: tuple[Params, ...]
    ) -> None:
        self._head = driver.empty((_HEAD,), _INT)
        super().__init__(driver, net, params, moments, _drawing_plans(self._head))
        self.failed = False

    def run(
        self,
        updates: Sequence[Update],
        params: Params,
        moments: tuple[Params, ...],
        batches: Batches,
        l2: float,
        dropout: Sequence[Dropout] | None,
    ) -> Any:
        """Parameters, moments and costs after so many steps; None where it takes no such."""
        masks = (dropout[0].least, dropout[0].kept) if dropout else (0, 0.0)
        options = Options(updates[0].optimizer, updates[0].norms, l2, *masks)
        plans = self._plans_of(batches, len(updates), options, updates[0])
        if None in plans:
            return None
        copy = self._copies.fresh()
        costs = self._driver.empty((len(updates), *self._W.shape[:-2]), self._W.dtype)
        words = _words(plans[0].numbers, updates, dropout)
        words[:, -2] = self._driver.address(costs) + np.arange(len(costs)) * costs.strides[0]
        words[-1, -1] = self._driver.address(self._copies.vector(copy))
        self._load(params, moments)
        self._params = None  # until all of it is done
        if not self._all(plans, batches, words):
            return None
        self._params = copy
        return copy, self._state.moments, costs

    def _plans_of(self, batches: Batches, steps: int, options: Options, update: Update) -> Any:
        """The plan of each step, the last of which may take fewer samples."""

        def found(m: int) -> Planned | None:
            X, Y = batches.X[:m].T, batches.Y[:m].T
            return self._found(Moving(X, Y, None, None, None, None, None), options, update)

        left = batches.order.size - batches.size * (steps - 1)
        return [*[found(batches.size)] * (steps - 1), found(left)]

    def _all(self, plans: Sequence[Planned], batches: Batches, words: np.ndarray) -> bool:
        """Launch all steps; False, and nothing has changed, where the first of them fails.

        It returns when half of them are done: the device has work until the next run comes, and
        who measures the time between runs measures the device's.
        """
        # The one copy from the host: what each step reads, and the numbers of its samples.
        there = cupy.asarray(np.concatenate([words.ravel(), batches.order]))
        args = batches.X, batches.Y, there[words.size :], there, batches.size, self._head
        try:
            self._driver.launch("begin", self._W.dtype, (1, 1), (1, 1), args)
            plans[0].run()
        # The update is last: what fails amid it is the device, for good, and steps fail as well.
        except Exception as error:  # of CuPy, cuBLAS or its loading
            message = f"fit trains step by step, as a run of steps could not begin: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
            self.failed = True
            return False
        middle = len(plans) // 2 + 1
        for plan in plans[1:middle]:
            plan.run()
        half = cupy.cuda.get_current_stream().record(cupy.cuda.Event(True, disable_timing=True))
        for plan in plans[middle:]:
            plan.run()
        half.synchronize()
        return True


def _drawing_plans(head: Array) -> Callable[..., Planned]:
    """What makes plans on memory of their own, to which a step first draws batch and numbers."""
    capture = Capture()

    def drawing_plan(
        driver: Driver, net: Any, state: State, moving: Moving, options: Options
    ) -> Planned:
        dtype, there = state.theta[0].W.dtype, driver.empty((WORDS,), _INT)
        X, Y = (fixed(driver, array) for array in moving[:2])
        own = Moving(X, Y, None, None, None, None, None)
        plan = Plan(driver, net, state, own, options, there)
        (n_x, m), n_y = moving.X.shape, moving.Y.shape[0]
        blocks = min(MOST_BLOCKS, math.ceil(m * (n_x + n_y) / 256))
        draw = Launch("draw", (blocks, 1), (256, 1), (head, n_x, X, n_y, Y, m, there))
        advance = Launch("advance", (1, 1), (1, 1), (head,))
        step = Captured(driver, capture, dtype, [draw, advance, *plan.instructions])

        def run() -> None:
            try:
                step.capture()
            except Exception as error:
                capture.fail(error)
            step.run()

        return Planned(run, plan.numbers, options)

    return drawing_plan


def _words(
    numbers: Numbers, updates: Sequence[Update], dropout: Sequence[Dropout] | None
) -> np.ndarray:
    """What each step is fed, without addresses: no θ but the last is copied."""
    words = np.zeros((len(updates), WORDS), np.int64)
    for row, update, masks in zip(words, updates, dropout or repeat(None), strict=False):
        numbers.fill(update.rate, update.rest, masks)
        row[:] = numbers.words
    return words
