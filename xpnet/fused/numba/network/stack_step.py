"""Training step of a stack: its networks one after another in a compiled call.

By the very loops of a run, so that the results are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from xpnet.fused.numba.network.run import program_of
from xpnet.fused.numba.network.stacks import StackProgram
from xpnet.fused.numba.network.step import SMALL, Room
from xpnet.fused.numba.network.trainings import MOST
from xpnet.fused.numba.updates import LOOPS
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Kernels, Params, TrainingSteps


def stacked_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` for one training run, where that of a stack is a compiled call."""
    program: StackStep | None = None

    def fused_step(
        net: Any,
        params: Params,
        moments: tuple[Params, ...],
        X: Array,
        Y: Array,
        hyperparameters: dict[str, Any],
        *,
        kernels: Kernels,
        apply: Callable[..., Any],
        **settings: Any,
    ) -> Any:
        nonlocal program
        optimizer = getattr(apply, "kernel", None)
        if params[0][0].ndim > 2 and optimizer in LOOPS:
            program = program or program_of(StackStep, net, params, X, optimizer)
            made = program and program(params, moments, X, Y, hyperparameters, **settings)
            if made is not None:
                return made
        rest = {"kernels": kernels, "apply": apply, **settings}
        return step(net, params, moments, X, Y, hyperparameters, **rest)

    return fused_step


class StackStep(StackProgram):
    """Steps of a stack's networks by one optimiser, on batches of columns."""

    def __init__(self, *program: Any) -> None:
        super().__init__(*program)
        self.room = Room()
        self.form: tuple[Any, ...] = ()  # of the latest step, whose table is used again

    def __call__(
        self,
        params: Params,
        moments: tuple[Params, ...],
        X: Array,
        Y: Array,
        hyperparameters: dict[str, Any],
        *,
        sample_weight: Array | None,
        l2: Any,
        dropout: Dropout | None,
    ) -> tuple[Params, tuple[Params, ...], Array] | None:
        """Parameters, moments and costs; None where it is not made for these."""
        x, y = X.mT, Y.mT
        if not all(array.flags.c_contiguous or array.size <= SMALL for array in (x, y)):
            return None
        x, y, m = np.ascontiguousarray(x), np.ascontiguousarray(y), X.shape[-1]
        given = [hyperparameters], None, None, l2, dropout and [dropout]
        batches = Batches(x, y, sample_weight, np.arange(m), m)
        steps = TrainingSteps(None, params, moments, batches, *given)
        if not m or not self.fits_run(steps):
            return None
        self._load(steps)
        self.params = ()  # until all of it is done
        self._enter(steps)
        for part in self.parts:
            for _, workers in self.program.parts(1, m) if len(part) == 1 else [(None, 1)]:
                self.room.train(part, self.program.like, min(workers, self.most))
        self.params = self.flats.copied(self.own)
        return self.params, self.moments, self.arrays["costs"][..., 0].copy()

    def _enter(self, steps: TrainingSteps) -> None:
        """Enter what this step is to be made of into the table."""
        (X, Y, s, _, m), (hyperparameters,) = steps.batches, steps.hyperparameters
        of_samples = m, X.shape, Y.shape, s is None or s.shape, steps.dropout is None
        of_numbers = *(getattr(number, "shape", ()) for number in hyperparameters.values()),
        form = of_samples, of_numbers, self.room.serial
        if form != self.form or self.l2 is not steps.l2 or self.memory is not self.vectors:
            self._begin(steps)
            self.form = of_samples, of_numbers, self.room.serial
        else:
            self._enter_numbers(hyperparameters)
            if steps.dropout is not None:
                for place, key in enumerate(steps.dropout[0].keys):
                    key = key[..., 0] if getattr(key, "ndim", 0) else key
                    self.arrays["keys"][..., place] = key
        self._enter_samples(X, Y, s)

    def _enter_samples(self, X: Array, Y: Array, s: Array | None) -> None:
        self.rows["x"], self.rows["y"] = self._addresses(X, 2), self._addresses(Y, 2)
        if s is not None:
            self.arrays["weight"] = np.ascontiguousarray(s)
            self.rows["weight"] = self._addresses(self.arrays["weight"], 2)

    def _begin(self, steps: TrainingSteps) -> None:
        """Make the table of such steps, and room for them."""
        self.l2, self.memory = steps.l2, self.vectors
        self.rows, self.arrays = self._rows_of_steps(steps)
        self.rows["gather"] = 0
        self._enter_samples(*steps.batches[:3])
        self.most = self.program.most_workers(steps.batches.size)
        self.parts = [self.rows[part] for part in self._parts()]
        for _ in range(2):  # as one may need more than those before it
            for part in self.parts:
                self.room.enter(part, self.program.like, self.most)

    def _parts(self) -> Iterator[slice]:
        """Networks on the same samples, which share columns; of large ones each by itself."""
        samples = np.column_stack([self.rows[name] for name in ("x", "y", "weight")])
        ends = np.flatnonzero(np.diff(samples, axis=0).any(axis=1)) + 1
        most = 1 if self.most > 1 else MOST
        for begin, end in zip((0, *ends), (*ends, len(samples)), strict=True):
            for start in range(begin, end, most):
                yield slice(start, min(start + most, end))

    def _enter_numbers(self, hyperparameters: dict[str, Any]) -> None:
        rates, values, rate = self.arrays["rates"], self.arrays["values"], hyperparameters["rate"]
        rates[...] = rate if isinstance(rate, float) else rate[..., 0]
        for place, name in enumerate(self.program.names):
            values[..., place] = hyperparameters[name]
            if name == "decay":
                values[..., 1, place] = 0.0
