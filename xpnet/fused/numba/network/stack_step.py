"""Training step of a stack: its networks one after another, in few compiled calls.

By the very loops of a run, so that results are the same to the bit. Only large networks have
workers: of a small step, to wake threads takes too long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from xpnet.fused import are_dense
from xpnet.fused.numba.network.loop import Room
from xpnet.fused.numba.network.run import program_of
from xpnet.fused.numba.network.stacks import StackProgram
from xpnet.fused.numba.network.step import SMALL
from xpnet.fused.numba.network.table import NETWORKS
from xpnet.fused.numba.products.blas import ALONE, is_for_product
from xpnet.fused.numba.threads.number import Threads
from xpnet.fused.numba.updates import LOOPS
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Kernels, Params, TrainingSteps


def stacked_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` for one training loop, that of a stack compiled where it can be."""
    program: StackStep | None = None
    plain = _on_chosen_threads(step)

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
        sample_weight: Array | None,
        l2: Any,
        dropout: Dropout | None,
    ) -> Any:
        nonlocal program
        optimizer = getattr(apply, "kernel", None)
        if params[0][0].ndim > 2 and optimizer in LOOPS:
            program = program or program_of(StackStep, step, net, params, X, optimizer)
            if program and (rows := _as_rows(X, Y, sample_weight)):
                of_step = [hyperparameters], apply, lambda: kernels, l2, dropout and [dropout]
                made = program(TrainingSteps(net, params, moments, rows, *of_step))
                if made is not None:
                    return made
        settings = {"sample_weight": sample_weight, "l2": l2, "dropout": dropout}
        rest = {"kernels": kernels, "apply": apply, **settings}
        return plain(net, params, moments, X, Y, hyperparameters, **rest)

    return fused_step


def _on_chosen_threads(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` for one training run, where a stack's large product takes one thread or all."""
    threads: Threads | None = None

    def threaded_step(
        net: Any, params: Params, moments: Any, X: Array, *args: Any, **settings: Any
    ) -> Any:
        nonlocal threads
        if not _is_one_large_product(params, X):
            return step(net, params, moments, X, *args, **settings)
        networks, n_out, n_in = params[0].W.shape
        threads = threads or Threads((n_in, networks * n_out), X.dtype)
        if not threads.matter(X.shape[1]):
            return step(net, params, moments, X, *args, **settings)
        with threads.chosen_for(X.shape[1]):
            return step(net, params, moments, X, *args, **settings)

    return threaded_step


def _is_one_large_product(params: Params, X: Array) -> bool:
    """Whether networks share X, in one product for all, and their other products are small.

    One by `product`, whose bits do not depend on threads; NumPy's, of other arrays, may.
    """
    is_dense = are_dense(params) and isinstance(X, np.ndarray)
    stacked = is_dense and X.ndim == 2 and params[0].W.ndim == 3
    return (
        stacked
        and is_for_product(X)
        and all(W[0].size * X.shape[1] <= ALONE for W, _ in params[1:])
    )


def _as_rows(X: Array, Y: Array, s: Array | None) -> Batches | None:
    """A batch of columns as the only one; None where a copy with samples as rows would not pay."""
    x, y, m = X.mT, Y.mT, X.shape[-1]
    if not m or not all(rows.flags.c_contiguous or rows.size <= SMALL for rows in (x, y)):
        return None
    return Batches(np.ascontiguousarray(x), np.ascontiguousarray(y), s, np.arange(m), m)


class StackStep(StackProgram):
    """Single steps of a stack's networks by one optimiser."""

    def __init__(self, *program: Any) -> None:
        super().__init__(*program)
        self.room = Room()
        # Of the latest step, whose table is used again.
        self.form: tuple[Any, ...] = ()
        self.l2: Any = None
        self.memory: list[Array] = []

    def __call__(self, steps: TrainingSteps) -> tuple[Params, tuple[Params, ...], Array] | None:
        """Parameters, moments and costs; None where it is not made for these."""
        if not self.fits_run(steps):
            return None
        self._load(steps)
        self._enter(steps)
        m, like = steps.batches.size, self.program.like
        for part in self.parts:
            for _, workers in self.program.parts(1, m) if part.size == 1 else [(None, 1)]:
                self.room.train(part, like, min(workers, self.most))
        return *self._joined(), self.arrays["costs"][..., 0].copy()

    def _enter(self, steps: TrainingSteps) -> None:
        """Enter what this step is made of into the table."""
        (X, Y, s, _, _), (hyperparameters,) = steps.batches, steps.hyperparameters
        of_numbers = (*(getattr(number, "shape", ()) for number in hyperparameters.values()),)
        of_samples = X.shape, Y.shape, s is None or s.shape
        form = of_numbers, of_samples, steps.dropout is None
        if form != self.form or self.l2 is not steps.l2 or self.memory is not self.vectors:
            self._begin(steps)
            self.form, self.l2, self.memory = form, steps.l2, self.vectors
            return
        self._enter_numbers(hyperparameters)
        if steps.dropout is not None:
            for place, key in enumerate(steps.dropout[0].keys):
                key = key if isinstance(key, int) else key[..., 0]
                self.arrays["keys"][..., place] = key
        self._enter_samples(steps.batches)

    def _begin(self, steps: TrainingSteps) -> None:
        """Make the table of such steps, and room for them."""
        self.rows, self.arrays = self._rows_of_steps(steps)
        self.rows["gather"] = 0
        self._enter_samples(steps.batches)
        self.most = self.program.most_workers(steps.batches.size)
        self.parts = [self.rows[part] for part in self._parts()]
        for _ in range(2):  # as one may need more than those before it
            for part in self.parts:
                self.room.enter(part, self.program.like, self.most)

    def _parts(self) -> Iterator[slice]:
        """Networks on the same samples, whose columns they share; large ones one by one."""
        samples = np.column_stack([self.rows[name] for name in ("x", "y", "weight")])
        ends = np.flatnonzero(np.diff(samples, axis=0).any(axis=1)) + 1
        most = 1 if self.most > 1 else NETWORKS
        for begin, end in zip((0, *ends), (*ends, len(samples)), strict=True):
            for start in range(begin, end, most):
                yield slice(start, min(start + most, end))

    def _enter_samples(self, batches: Batches) -> None:
        X, Y, s, *_ = batches
        self.rows["x"], self.rows["y"] = self._addresses(X, 2), self._addresses(Y, 2)
        if s is not None:
            self.arrays["weight"] = np.ascontiguousarray(s)
            self.rows["weight"] = self._addresses(self.arrays["weight"], 2)

    def _enter_numbers(self, hyperparameters: dict[str, Any]) -> None:
        rates, values, rate = self.arrays["rates"], self.arrays["values"], hyperparameters["rate"]
        rates[...] = rate if isinstance(rate, float) else rate[..., 0]
        for place, name in enumerate(self.program.names):
            values[..., place] = hyperparameters[name]
            if name == "decay":
                values[..., 1, place] = 0.0
