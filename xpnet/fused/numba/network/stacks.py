"""Run of a stack's training steps: those of each of its networks, side by side.

For that the networks lie one behind another in memory, each as it lies alone, and each has a row of
the table that the compiled call takes. So it leaves what it would by itself, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from xpnet.fused import are_floats, are_of_step, are_same
from xpnet.fused.flats import Flats
from xpnet.fused.numba.compilation.compiler import DTYPES
from xpnet.fused.numba.network.gradients import BACKWARD
from xpnet.fused.numba.network.loop import Room, table_of
from xpnet.fused.numba.network.loops import masks_in_row
from xpnet.fused.numba.network.places import UNIT, A
from xpnet.fused.numba.network.run import RunProgram
from xpnet.fused.numba.network.trainings import groups_of
from xpnet.fused.numba.products.blas import end_threads
from xpnet.fused.numba.threads.alone import is_alone
from xpnet.fused.numba.threads.blocks import weights_of
from xpnet.fused.numba.threads.number import all_threads
from xpnet.fused.numba.threads.team import WORTH
from xpnet.fused.numba.threads.workers import on_workers
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Dense, Params, TrainingSteps

OfEach: TypeAlias = dict[str, tuple[Array, int]]
"""Arrays whose leading axes broadcast, each with the number of axes that follow."""


class StackProgram:
    """Runs of steps of a stack's networks by one optimiser.

    Parameters
    ----------
    params : Params
    program : RunProgram
        Of one of the networks.
    """

    def __init__(self, params: Params, program: RunProgram) -> None:
        self.program, self.dtype = program, program.dtype
        self.lead = params[0].W.shape[:-2]
        self.flats = Flats(params)
        self.theta = self._memory()
        self.own = self._views(self.theta)
        # What the latest run returned: θ and the vectors of moments are the same numbers.
        self.params: Params = ()
        self.moments: tuple[Params, ...] = ()
        self.vectors: list[Array] = []
        self.rooms: list[Room] = []  # one for each thread

    def fits_run(self, steps: TrainingSteps) -> bool:
        """Whether samples lie as rows, and what is not one for all networks is one for each."""
        hyperparameters = steps.hyperparameters
        return (
            all(map(self.flats.fits, (steps.params, *steps.moments)))
            and self._fits_samples(steps.batches)
            and are_of_step(self.program.optimizer, steps.moments, hyperparameters[0])
            and self._are_numbers([steps.l2], [self.dtype])
            and all(
                self._are_numbers([numbers[name] for numbers in hyperparameters])
                for name in hyperparameters[0]
            )
        )

    def _fits_samples(self, batches: Batches) -> bool:
        X, Y, s, order, _ = batches
        m, arrays = X.shape[-2], ((X, self.program.n_x), (Y, self.program.n_y))
        fit = order is not None and all(
            isinstance(array, np.ndarray)
            and array.shape[-2:] == (m, n)
            and array.dtype == self.dtype
            and array.flags.c_contiguous
            for array, n in arrays
        )
        return fit and (s is None or (s.shape[-2:] == (1, m) and s.dtype == self.dtype))

    def _are_numbers(self, numbers: Sequence[Any], dtypes: Sequence[Any] = DTYPES) -> bool:
        """Whether all are one number for all networks, or all are arrays with one for each."""
        if are_floats(numbers):
            return True
        forms = {(getattr(n, "shape", ()), getattr(n, "dtype", None)) for n in numbers}
        (shape, dtype), *others = forms
        return not others and shape[-2:] == (1, 1) and dtype in dtypes

    def run(self, steps: TrainingSteps) -> tuple[Params, tuple[Params, ...], Array]:
        """Parameters, moments and costs after all of them."""
        self._load(steps)
        rows, arrays = self._rows_of_steps(steps)
        networks, count = rows.size, len(steps.hyperparameters)
        m = min(steps.batches.size, steps.batches.order.shape[-1])
        costs = arrays["costs"].reshape(networks, count)
        # Large ones that are left over have workers in turn, where those are more than they.
        left = networks % all_threads()
        left = left if left < self.program.most_workers(m) else 0
        if left < networks:
            self._make(rows[: networks - left], arrays)
        for k in range(networks - left, networks):
            self._make_alone(k, steps, m, costs[k])
        return *self._joined(), costs.T.reshape(count, *self.lead)

    def cost(self, params: Params, batch: Batches, l2: Any) -> Any:
        """What each costs on the only batch of these, without dropout; None where not known."""
        if not (
            self.flats.fits(params)
            and self._fits_samples(batch)
            and self._are_numbers([l2], [self.dtype])
        ):
            return None
        theta = self.theta
        if params is not self.params:
            _copy(params, self._views(theta := self._memory()))
        self.program.penalty(np.max(l2))  # now, as it enters a loop to be copied
        forward = self.program.network[0].copy()
        forward[BACKWARD] = 0
        numbers = {"l2": l2, "update": 0, "loops": forward.ctypes.data}
        rows, arrays = self._rows(batch, 1, {"theta": (theta, 1)}, numbers)
        self._make(rows, arrays)
        return arrays["costs"][..., 0]

    def _make(self, rows: Array, arrays: dict[str, Array]) -> None:
        """What these rows say, side by side."""
        samples = int(rows["length"].sum())
        threads = all_threads() if samples * weights_of(self.program.net.sizes) >= WORTH else 1
        groups = groups_of([(row, self.program, arrays) for row in rows.tolist()], threads)
        workers, coming = min(threads, len(groups)), iter(groups)
        if workers > 1 and is_alone():
            end_threads()  # which would keep their cores
        self.rooms += [Room() for _ in range(workers - len(self.rooms))]

        def make(worker: int, workers: int, arrivals: int) -> None:
            room, like = self.rooms[worker], self.program.like
            for group in coming:
                own = table_of([row for row, *_ in group])
                room.enter(own, like, 1)
                room.train(own, like, 1)

        if workers > 1:
            on_workers(workers, make)
        else:
            make(0, 1, 0)

    def _make_alone(self, k: int, steps: TrainingSteps, m: int, to_costs: Array) -> None:
        """The steps of network number k, perhaps by some workers."""
        program, (*_, order, size) = self.program, steps.batches
        for part, workers in program.parts(len(to_costs), m):
            samples = slice(part.start * size, part.stop * size)
            some = steps._replace(
                batches=steps.batches._replace(order=order[..., samples]),
                hyperparameters=steps.hyperparameters[part],
                dropout=steps.dropout and steps.dropout[part],
            )
            rows, arrays = self._rows_of_steps(some)
            row = rows[k : k + 1]
            program.room.enter(row, program.like, workers)
            program.room.train(row, program.like, workers)
            to_costs[part] = arrays["costs"].reshape(rows.size, -1)[k]

    def _memory(self) -> Array:
        """A vector for each network."""
        return np.zeros((*self.lead, self.program.flats.size), self.dtype)

    def _views(self, memory: Array) -> Params:
        """Such vectors as the parameters of a stack."""
        lead, layers = self.lead, []
        for n_out, n_in, begin, begin_b in self.program.flats.layout.tolist():
            W = memory[..., begin : begin + n_out * n_in].reshape(*lead, n_out, n_in)
            b = memory[..., begin_b : begin_b + n_out].reshape(*lead, n_out, 1)
            layers.append(Dense(W, b))
        return tuple(layers)

    def _load(self, steps: TrainingSteps) -> None:
        """Copy what is not there yet to where it may be written over."""
        if steps.params is not self.params:
            _copy(steps.params, self.own)
        if not are_same(self.moments, steps.moments):
            self.vectors = [self._memory() for _ in steps.moments]
            self.moments = tuple(map(self._views, self.vectors))
            for moment, own in zip(steps.moments, self.moments, strict=True):
                _copy(moment, own)
        self.params = ()  # until all steps are made

    def _joined(self) -> tuple[Params, tuple[Params, ...]]:
        """The parameters and moments that steps have left."""
        self.params = self.flats.copied(self.own)
        return self.params, self.moments

    def _rows_of_steps(self, steps: TrainingSteps) -> tuple[Array, dict[str, Array]]:
        """The rows of steps that write over what is loaded, and the arrays that they point to."""
        rates, values = self._values(steps.hyperparameters)
        first, second = (*self.vectors, self.theta, self.theta)[:2]
        arrays = {"theta": (self.theta, 1), "first": (first, 1), "second": (second, 1)}
        arrays |= {"rates": (rates, 1), "values": (values, 3)}
        numbers = {"l2": steps.l2}
        if steps.dropout is not None:
            of_dropout, masks = self._dropout(steps.dropout)
            arrays, numbers = arrays | of_dropout, numbers | masks
        return self._rows(steps.batches, len(steps.hyperparameters), arrays, numbers)

    def _rows(
        self, batches: Batches, steps: int, arrays: OfEach, numbers: dict[str, Any]
    ) -> tuple[Array, dict[str, Array]]:
        """The row of each network for so many steps on these, and the arrays that they point to.

        `numbers` are one for all, or one for each.
        """
        X, Y, s, order, _ = batches
        own = {"X": (X, 2), "Y": (Y, 2), "order": (np.ascontiguousarray(order, np.int64), 1)}
        own["costs"] = np.empty((*self.lead, steps), self.dtype), 1
        if s is not None:
            own["weight"] = np.ascontiguousarray(s), 2
        if self.program.is_thin:
            own["grads"] = self._memory(), 1
        first = _of_first(batches)
        samples = self.program.of_batches(first, steps)
        row, kept = self.program.row(samples, first.sample_weight, 0.0, {}, {})
        rows = np.repeat(table_of([row]), math.prod(self.lead))
        for name, (array, axes) in (arrays | own).items():
            rows[name] = self._addresses(array, axes)
            kept[name] = array
        for name, number in numbers.items():
            rows[name] = self._of_each(number)
        self.program.penalty(rows["l2"].max())
        return rows, kept

    def _addresses(self, array: Array, axes: int) -> Array | int:
        """Where the part of each network begins in an array, of so many axes."""
        if array.ndim == axes:
            return int(array.ctypes.data)
        places = np.zeros(self.lead, np.int64)
        leading = list(zip(array.shape[:-axes], array.strides, strict=False))
        for axis, (size, stride) in enumerate(reversed(leading)):
            if size > 1:
                places += stride * np.arange(size).reshape(-1, *(1,) * axis)
        found: Array = array.ctypes.data + places.ravel()
        return found

    def _of_each(self, number: Any) -> Any:
        """A number, or from an array one for each network."""
        if not getattr(number, "ndim", 0):
            return number
        return np.broadcast_to(number[..., 0, 0], self.lead).ravel()

    def _values(self, hyperparameters: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """Rates ``(..., steps)``, and values ``(..., steps, 2, 6)`` for weights and for biases."""
        names = self.program.names
        rates, *others = (
            self._over_steps([numbers[name] for numbers in hyperparameters])
            for name in ("rate", *names)
        )
        shape = np.broadcast_shapes(rates.shape[-1:], *(column.shape for column in others))
        values = np.zeros((*shape, 2, MOST_VALUES))
        for number, column in enumerate(others):
            values[..., number] = column[..., None]
        if "decay" in names:
            values[..., 1, names.index("decay")] = 0.0
        return rates, values

    def _over_steps(self, numbers: Sequence[Any]) -> Array:
        """A number of each step, or arrays ``(..., 1, 1)``, as ``(..., steps)``."""
        column = np.array(numbers, float)
        if column.ndim > 1:  # as rates of each are in single steps, of the parameters' dtype
            column = np.moveaxis(column.astype(self.dtype), 0, -1)[..., 0, 0, :]
        return np.ascontiguousarray(column, float)

    def _dropout(self, dropout: Sequence[Dropout]) -> tuple[OfEach, dict[str, Any]]:
        """The arrays and numbers that rows have of it.

        Units are numbered in each network where it has keys of its own, else in the whole stack.
        """
        keys, kinds = np.array([each.keys for each in dropout], np.int64), self.program.network[2]
        _, masks = masks_in_row(dropout[0]._replace(keys=(0, 0)), self.dtype)
        if keys.ndim > 2:
            keys = np.moveaxis(keys, (0, 1), (-2, -1))[..., 0, 0, :, :]
            return {"keys": (np.ascontiguousarray(keys), 2)}, masks
        networks, hidden = math.prod(self.lead), np.array([*self.program.net.sizes[1:-1], 0])
        of_stack = np.repeat(kinds[None], networks, axis=0)
        of_stack[..., UNIT] = networks * kinds[:, A] + np.arange(networks)[:, None] * hidden
        return {"keys": (keys, 2), "kinds": (of_stack.reshape(*self.lead, *kinds.shape), 2)}, masks


def _copy(params: Params, to: Params) -> None:
    for layer, own in zip(params, to, strict=True):
        for tensor, its in zip(layer, own, strict=True):
            its[...] = tensor


def _of_first(batches: Batches) -> Batches:
    """Those of the first network."""
    X, Y, s, order, size = batches
    X, Y, s = (a if a is None else a[(0,) * (a.ndim - 2)] for a in (X, Y, s))
    return Batches(X, Y, s, order[(0,) * (order.ndim - 1)][None], size)
