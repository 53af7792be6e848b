"""Run of training steps as CUDA graphs: one upload for all of them, and one launch for each.

A graph draws its batch and its numbers itself: which of them, it reads on the device, where each
step counts one further. What networks of a stack have of their own in dropout and in an optimiser's
hyperparameters beside the rate is uploaded at each step.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import cupy
import numpy as np

from xpnet.fused import TrainingRun
from xpnet.fused.cupy.driver import MOST_BLOCKS, Driver, Launch, NoKernelError
from xpnet.fused.cupy.network.given import Given, Update, given, update_of
from xpnet.fused.cupy.network.graph import Capture, Captured, extents
from xpnet.fused.cupy.network.moving import ADDRESSES, Moving, Numbers
from xpnet.fused.cupy.network.plan import Options, Plan, State
from xpnet.fused.cupy.network.sets import sets_among
from xpnet.fused.cupy.network.step import Loop, Planned, suits
from xpnet.fused.cupy.source import WORDS
from xpnet.types import Array, Batches, Params, TrainingSteps

_HEAD = 10  # words of the structure Run of graph.cu
_J, _COPY = ADDRESSES["J"], ADDRESSES["copy"]
_INT = np.dtype("int64")


def captured_run(driver: Driver) -> TrainingRun:
    """Runs of one training loop; none of what is left to steps.

    That is arrays elsewhere or of another dtype, and all after a failure of the first step, of
    which it warns. Networks of a stack may have samples, an order and numbers of their own.
    """
    loop: _RunLoop | None = None
    failed = False

    def run(steps: TrainingSteps) -> Any:
        nonlocal loop, failed
        net, params, moments, *_ = steps
        updates = _updates_of(steps.apply, steps.hyperparameters)
        if failed or not updates:
            return None
        if not suits(net, params) or not _fit(net, params, steps.batches):
            return None
        if loop is None or not loop.continues(params, moments):
            loop = _RunLoop(driver, net, params, moments)
        try:
            done = loop.run(updates, steps)
        except NoKernelError:
            return None
        failed = loop.failed
        return done

    run.of_each = True  # type: ignore[attr-defined]
    return run


def _updates_of(apply: Any, hyperparameters: Sequence[dict[str, Any]]) -> list[Update]:
    """What is done at each step; nothing where that is not one kernel."""
    updates = [update_of(apply, numbers) for numbers in hyperparameters]
    found = [update for update in updates if update]
    alike = len({update[:2] for update in found}) == 1
    return found if alike and len(found) == len(updates) else []


def _fit(net: Any, params: Params, batches: Batches) -> bool:
    """Whether samples lie by rows, beside the parameters."""
    X, Y, weight, *_ = batches
    n_x, *_, n_y = net.sizes
    m, device = X.shape[-2], cupy.cuda.device.get_device_id()
    return all(
        isinstance(array, cupy.ndarray)
        and array.dtype == params[0].W.dtype
        and array.shape[-2:] == shape
        and array.flags.c_contiguous
        and array.data.device_id == device
        for array, shape in ((X, (m, n_x)), (Y, (m, n_y)), (weight, (1, m)))
        if array is not None
    )


class _Drawn(NamedTuple):
    """An array that batches are drawn from: its rows, and which of them, ``(sets, samples)``."""

    array: Array
    n: int
    order: np.ndarray

    def shape(self, m: int) -> tuple[int, ...]:
        """That of a batch of m samples."""
        return (*self.order.shape[:-1], self.n, m)


class _RunLoop(Loop):
    """The state of one training loop, and a graph for each size of batch."""

    def __init__(
        self, driver: Driver, net: Any, params: Params, moments: tuple[Params, ...]
    ) -> None:
        self._head = driver.empty((_HEAD,), _INT)
        self._own: dict[Any, Array] = {}
        super().__init__(driver, net, params, moments, _drawing_plans(self._head))
        self.failed = False

    def run(self, updates: Sequence[Update], steps: TrainingSteps) -> Any:
        """Parameters, moments and costs after all of them; None where they cannot begin.

        Raises `NoKernelError` where it takes no such.
        """
        batches = steps.batches
        numbers = [
            given(self._driver, self._W, update, steps.l2, masks)
            for update, masks in zip(updates, steps.dropout or repeat(None), strict=False)
        ]
        data = (batches.X, -2), (batches.Y, -2), (batches.sample_weight, -1)
        drawn = [
            self._drawn(array, batches.order, axis) for array, axis in data if array is not None
        ]
        copy = self._copies.fresh()
        costs = self._driver.empty((len(updates), *self._lead), self._W.dtype)
        ends = costs[0], self._copies.vector(copy)
        plans = self._plans_of(batches, drawn, ends, numbers, updates[0])
        words = self._words(plans[0].numbers, numbers)
        words[:, _J] = self._driver.address(costs) + np.arange(len(costs)) * costs.strides[0]
        words[-1, _COPY] = self._driver.address(ends[1])
        self._load(steps.params, steps.moments)
        self._params = None  # until all of it is done
        if not self._all(plans, batches.size, drawn, words):
            return None
        self._params = copy
        return copy, self._state.moments, costs

    def _drawn(self, array: Array, order: np.ndarray, axis: int) -> _Drawn:
        """What is drawn from an array whose samples lie along that axis."""
        lead, m = array.shape[:-2], array.shape[axis]
        numbers = m * np.arange(math.prod(lead)).reshape(*lead, 1) + order
        sets = sets_among(numbers.shape[:-1], self._lead)
        if sets is None:
            raise NoKernelError
        samples = numbers.reshape(*sets, order.shape[-1])
        return _Drawn(array, array.shape[-3 - axis], samples)

    def _plans_of(
        self,
        batches: Batches,
        drawn: Sequence[_Drawn],
        ends: tuple[Array, Array],
        numbers: Sequence[Given],
        update: Update,
    ) -> list[Planned]:
        """The plan of each step, the last of which may take fewer samples."""
        if len({number.form() for number in numbers}) > 1:
            raise NoKernelError

        def found(m: int) -> Planned:
            data = [self._buffer(name, one.shape(m)) for name, one in enumerate(drawn)]
            X, Y, weight = (*data, None)[:3]
            moving = Moving(X, Y, weight, *ends, *numbers[0].arrays)
            plan = self._found(moving, numbers[0].options(update), update)
            if plan is None:
                raise NoKernelError
            return plan

        steps = len(numbers)
        left = batches.order.shape[-1] - batches.size * (steps - 1)
        return [*[found(batches.size)] * (steps - 1), found(left)]

    def _buffer(self, name: int, shape: tuple[int, ...]) -> Array:
        """Memory that batches of a shape are drawn to, sample by sample."""
        if (name, shape) not in self._own:
            *sets, n, m = shape
            memory = self._driver.empty((*sets, m, n), self._W.dtype)
            self._own[name, shape] = memory.swapaxes(-1, -2)
        return self._own[name, shape]

    def _words(self, to: Numbers, numbers: Sequence[Given]) -> np.ndarray:
        """What each step is fed, without where it writes to: no θ but the last is copied."""
        words = np.zeros((len(numbers), WORDS), np.int64)
        for row, number in zip(words, numbers, strict=True):
            number.fill(to)
            to.point(self._driver, (None, None, *number.arrays))
            row[:] = to.words
        return words

    def _all(
        self, plans: Sequence[Planned], size: int, drawn: Sequence[_Drawn], words: np.ndarray
    ) -> bool:
        """Launch all steps; False, and nothing has changed, where the first of them fails.

        It returns when half of them are done: the device has work until the next run comes, and
        who measures the time between runs measures the device's.
        """
        # The one copy from the host: what each step reads, and the numbers of its samples.
        orders = {one.array.shape[:-2]: one.order for one in drawn}
        there = cupy.asarray(np.concatenate([words.ravel(), *map(np.ravel, orders.values())]))
        rows, begin = {}, words.size
        for lead, order in orders.items():
            rows[lead], begin = there[begin:], begin + order.size
        none = (None,) * (3 - len(drawn))
        args = (
            *(*(one.array for one in drawn), *none),
            *(*(rows[one.array.shape[:-2]] for one in drawn), *none),
            *(there, drawn[0].order.shape[-1], size, self._head),
        )
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
    """What makes plans on the memory that they are given, to which a step first draws its batch."""
    capture = Capture()

    def drawing_plan(
        driver: Driver, net: Any, state: State, moving: Moving, options: Options
    ) -> Planned:
        dtype, there = state.theta[0].W.dtype, driver.empty((WORDS,), _INT)
        plan = Plan(driver, net, state, moving, options, there)
        data, m = moving.data, moving.X.shape[-1]
        entries = sum(array.size for array in data if array is not None)
        to = [argument for array in data for argument in (*extents(array), array)]
        grid = (min(MOST_BLOCKS, math.ceil(entries / 256)), 1)
        draw = Launch("draw", grid, (256, 1), (head, *to, m, there))
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
