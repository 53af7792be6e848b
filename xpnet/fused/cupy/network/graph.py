"""Training steps as CUDA graphs: the launches of a plan, captured once and started as one.

A graph keeps the arguments of its capture, so its plan reads a batch of its own, and on the device
what changes from step to step: the numbers, and the addresses that cost and parameters go to. One
launch before it feeds them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import cupy
import numpy as np

from xpnet.fused.cupy.blas import Products
from xpnet.fused.cupy.cost import strides_of
from xpnet.fused.cupy.driver import (
    MOST_BLOCKS,
    Driver,
    Instruction,
    Launch,
    NoKernelError,
    by_value,
)
from xpnet.fused.cupy.network.moving import Moving
from xpnet.fused.cupy.network.plan import Options, Plan, State
from xpnet.fused.cupy.network.step import Planned, bound_plan
from xpnet.fused.cupy.source import WORDS
from xpnet.types import Array

MOST_ENTRIES = 2**23  # of a batch; by estimate, to copy more takes as long as a graph saves


def captured_plans() -> Callable[..., Planned]:
    """What makes the plans of one training loop as `bound_plan` does, but each to run as a graph.

    Large batches, and whatever fails to be captured, are left to `bound_plan`.
    """
    capture: Capture | None = None

    def captured_plan(
        driver: Driver, net: Any, state: State, moving: Moving, options: Options
    ) -> Planned:
        nonlocal capture
        entries = sum(array.size for array in moving.data if array is not None)
        if entries > MOST_ENTRIES or (capture and capture.failed):
            return bound_plan(driver, net, state, moving, options)
        capture = Capture() if capture is None else capture
        plan = _GraphPlan(driver, net, state, moving, options, capture)
        return Planned(plan.run, plan.numbers, options)

    return captured_plan


class Capture:
    """What one training loop captures with: a stream and cuBLAS of its own."""

    def __init__(self) -> None:
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.products: Products | None = None
        self.failed = False

    def on(self, stream: Any) -> Products:
        """Products on that stream."""
        if self.products is None:
            self.products = Products()
        self.products.on(stream)
        return self.products

    def graph(self, work: Callable[[Products], None]) -> Any:
        """The graph of what `work` launches."""
        products = self.on(self.stream)
        with self.stream:
            self.stream.begin_capture()
            try:
                work(products)
            except BaseException:
                with suppress(Exception):  # what failed may have ended the capture
                    self.stream.end_capture()
                raise
            return self.stream.end_capture()

    def fail(self, error: Exception) -> None:
        """Let no other plan of the loop try, and warn of the first that did."""
        if not self.failed:
            message = (
                "a training step cannot run as a CUDA graph, so its kernels are launched one by "
                f"one: {error}"
            )
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        self.failed = True


class Captured:
    """Instructions on fixed arrays, and the graph of them.

    The first run launches kernel by kernel: some are compiled, and cuBLAS loads its own, which is
    no part of a graph. The second is captured.
    """

    def __init__(
        self,
        driver: Driver,
        capture: Capture,
        dtype: np.dtype,
        instructions: Sequence[Instruction],
    ) -> None:
        self._driver, self._capture = driver, capture
        self._dtype, self._instructions = dtype, instructions
        self._has_run = False
        self._graph: Any = None

    def capture(self) -> None:
        """Make the graph, if that is the next thing to do; raises where it fails."""
        if self._graph is None and self._has_run and not self._capture.failed:
            self._graph = self._capture.graph(self._launch)

    def run(self) -> None:
        """Do them once."""
        if self._graph is None:
            self._launch(self._capture.on(cupy.cuda.get_current_stream()))
            self._has_run = True
        else:
            self._graph.launch()

    def _launch(self, products: Products) -> None:
        """Launch by launch, on the current stream and that of `products`."""
        for instruction in self._instructions:
            if isinstance(instruction, Launch):
                name, *rest = instruction
                self._driver.launch(name, self._dtype, *rest)
            else:
                products(instruction)


def fixed(driver: Driver, array: Array | None) -> Array | None:
    """Memory for such matrices, sample by sample, as gathered batches lie."""
    if array is None:
        return None
    *sets, n, m = array.shape
    return driver.empty((*sets, m, n), array.dtype).swapaxes(-1, -2)


def extents(array: Array | None) -> tuple[int, int]:
    """Entries of a sample in one set, and in all."""
    return (0, 0) if array is None else (array.shape[-2], array.size // array.shape[-1])


class _GraphPlan:
    """A plan on arrays of its own, and the graph of it."""

    def __init__(
        self,
        driver: Driver,
        net: Any,
        state: State,
        moving: Moving,
        options: Options,
        capture: Capture,
    ) -> None:
        self._driver, self._capture = driver, capture
        self._given = net, state, options
        self._instead: Planned | None = None
        dtype, there = state.theta[0].W.dtype, driver.empty((WORDS,), np.dtype("int64"))
        X, Y, weight = (fixed(driver, array) for array in moving.data)
        own = moving._replace(X=X, Y=Y, weight=weight)
        plan = Plan(driver, net, state, own, options, there)
        self.numbers = plan.numbers
        self._captured = Captured(driver, capture, dtype, plan.instructions)
        self._feed = driver.bound([self._feeding(moving, own, there)], dtype, moving.data)

    def run(self, *moving: Array | None) -> None:
        """One step on the arrays of a `Moving`."""
        if self._instead is None:
            try:
                self._step(Moving(*moving))
                return
            except NoKernelError:
                raise
            except Exception as error:  # of the capture, CuPy, cuBLAS or its loading
                self._capture.fail(error)
                net, state, options = self._given
                self._instead = bound_plan(self._driver, net, state, Moving(*moving), options)
        self._instead.numbers.words[:] = self.numbers.words
        self._instead.run(*moving)

    def _step(self, moving: Moving) -> None:
        self.numbers.point(self._driver, moving.others)
        self._feed(*moving.data)
        self._captured.capture()
        self._captured.run()

    def _feeding(self, moving: Moving, own: Moving, there: Array) -> Launch:
        args: list[Any] = []
        for array, to in zip(moving.data, own.data, strict=True):
            if array is None:
                args += [None, 0, 0, 0, 0, 0, None]
            else:
                args += [array, *strides_of(array, 3), *extents(array), to]
        m, entries = moving.X.shape[-1], sum(array.size for array in own.data if array is not None)
        blocks = min(MOST_BLOCKS, math.ceil(entries / 256))
        words = by_value(self.numbers.words)
        return Launch("feed", (blocks, 1), (256, 1), (*args, m, words, there))
