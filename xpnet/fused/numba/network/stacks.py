"""Run of a stack's training steps: those of each of its networks, side by side.

For that the networks lie one behind another in memory, each as it lies alone, and each has a row of
the table that the compiled call takes. So it leaves what it would by itself, to the bit.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from xpnet.fused import are_floats, are_of_step, are_same
from xpnet.fused.flats import Flats
from xpnet.fused.numba.blas import end_threads
from xpnet.fused.numba.network.gradients import BACKWARD
from xpnet.fused.numba.network.loop import table_of
from xpnet.fused.numba.network.loops import masks_in_row
from xpnet.fused.numba.network.places import UNIT, A
from xpnet.fused.numba.network.run import RunProgram
from xpnet.fused.numba.network.step import Room
from xpnet.fused.numba.network.trainings import groups_of
from xpnet.fused.numba.threads.alone import is_alone
from xpnet.fused.numba.threads.number import all_threads
from xpnet.fused.numba.threads.workers import on_workers
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Dense, Params, TrainingSteps
OFF = False


class StackProgram:
    """Runs of steps of a stack's networks by one optimiser.

    Parameters
    ----------
    net, params
    program : RunProgram
        Of one of the networks.
    """

    def __init__(self, params: Params, program: RunProgram) -> None:
        self.program, self.dtype = program, program.dtype
        self.lead = params[0].W.shape[:-2]
        self.flats = Flats(params)
        self.theta = self._memory()
        self.own = self._views(self.theta)
        # Those that the latest run returned: θ and the vectors of moments are theirs.
        self.params: Params = ()
        self.moments: tuple[Params, ...] = ()
        self.vectors: list[Array] = []
        self.rooms: list[Room] = []  # of each thread

    def fits_run(self, steps: TrainingSteps) -> bool:
        """Whether samples lie as rows, and what is not one for all networks is one for each."""
        hyperparameters = steps.hyperparameters
        return not OFF and (
            all(map(self.flats.fits, (steps.params, *steps.moments)))
            and self._fits_samples(steps.batches)
            and are_of_step(self.program.optimizer, steps.moments, hyperparameters[0])
            and self._are_numbers([steps.l2])
            and all(
                self._are_numbers([numbers[name] for numbers in hyperparameters])
                for name in hyperparameters[0]
            )
        )

    def _fits_samples(self, batches: Batches) -> bool:
        X, Y, s, *_ = batches
        m, arrays = X.shape[-2], [(X, self.program.n_x), (Y, self.program.n_y)]
        return all(
            isinstance(array, np.ndarray)
            and array.shape[-2:] == (m, n)
            and array.dtype == self.dtype
            and array.flags.c_contiguous
            for array, n in arrays
        ) and (s is None or (s.shape[-2:] == (1, m) and s.dtype == self.dtype))

    def _are_numbers(self, numbers: Sequence[Any]) -> bool:
        """Whether all are one number for all networks, or all are arrays with one for each."""
        if are_floats(numbers):
            return True
        forms = {(getattr(n, "shape", ()), getattr(n, "dtype", None)) for n in numbers}
        (shape, dtype), *others = forms
        return not others and shape[-2:] == (1, 1) and dtype == self.dtype

    def run(self, steps: TrainingSteps) -> tuple[Params, tuple[Params, ...], Array]:
        """Parameters, moments and costs after all of them."""
        self._load(steps)
        self.params = ()  # until all of it is done
        rows, arrays = self._rows_of_steps(steps)
        number, count = rows.size, len(steps.hyperparameters)
        m = min(steps.batches.size, steps.batches.order.shape[-1])
        costs = arrays["costs"].reshape(number, count)
        # Large networks that are left over have all threads in turn, as each has alone.
        alone = number % all_threads() if self.program.most_workers(m) > 1 else 0
        self._make(rows[: number - alone], arrays)
        for k in range(number - alone, number):
            self._make_alone(k, steps, m, costs[k])
        self.params = self.flats.copied(self.own)
        return self.params, self.moments, costs.T.reshape(count, *self.lead)

    def _make(self, rows: Array, arrays: dict[str, Array]) -> None:
        """What these rows say, side by side."""
        calls, threads = [(row, self.program, arrays) for row in rows.tolist()], all_threads()
        groups = deque(groups_of(calls, threads))
        workers = min(threads, len(groups))
        if workers > 1 and is_alone():
            end_threads()  # which would keep their cores
        self.rooms += [Room() for _ in range(workers - len(self.rooms))]

        def make(worker: int, workers: int, arrivals: int) -> None:
            with suppress(IndexError):  # once all are taken
                while True:
                    group = table_of([row for row, *_ in groups.popleft()])
                    self.rooms[worker].enter(group, self.program.like, 1)
                    self.rooms[worker].train(group, self.program.like, 1)

        on_workers(workers, make)

    def _make_alone(self, k: int, steps: TrainingSteps, m: int, costs: Array) -> None:
        """The steps of network number k, perhaps by some workers."""
        program, size, order = self.program, steps.batches.size, steps.batches.order
        for part, workers in program.parts(len(costs), m):
            some = steps._replace(
                batches=steps.batches._replace(order=order[..., part.start * size : part.stop * size]),
                hyperparameters=steps.hyperparameters[part],
                dropout=steps.dropout and steps.dropout[part],
            )
            rows, arrays = self._rows_of_steps(some)
            row = rows[k : k + 1]
            program.room.enter(row, program.like, workers)
            program.room.train(row, program.like, workers)
            costs[part] = arrays["costs"].reshape(len(rows), -1)[k]

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
        """Copy what is not there yet, since it may be written over there alone."""
        if steps.params is not self.params:
            _copy(steps.params, self.own)
        if not are_same(self.moments, steps.moments):
            self.vectors = [self._memory() for _ in steps.moments]
            self.moments = tuple(map(self._views, self.vectors))
            for moment, own in zip(steps.moments, self.moments, strict=True):
                _copy(moment, own)

    def _rows_of_steps(self, steps: TrainingSteps) -> tuple[Array, dict[str, Array]]:
        """The rows of steps that write over what is loaded, and the arrays that they point to."""
        count = len(steps.hyperparameters)
        rates, values = self._values(steps.hyperparameters)
        first, second = (*self.vectors, self.theta, self.theta)[:2]
        arrays = {"theta": (self.theta, 1), "first": (first, 1), "second": (second, 1)}
        arrays |= {"rates": (rates, 1), "values": (values, 3)}
        numbers = {"l2": steps.l2}
        if steps.dropout is not None:
            masks, keys, kinds = self._dropout(steps.dropout)
            numbers |= masks
            arrays |= {"keys": (keys, 2), "kinds": (kinds, 2)}
        return self._rows(steps.batches, count, arrays, numbers)

    def cost(self, params: Params, batch: Batches, l2: Any) -> Any:
        """What each network costs on the only batch of these, without dropout; None if unknown."""
        if not (self.flats.fits(params) and self._fits_samples(batch) and self._are_numbers([l2])):
            return None
        theta = self.theta
        if params is not self.params:
            _copy(params, self._views(theta := self._memory()))
        self.program._penalty(np.any(l2))  # now, as it enters a loop to be copied
        forward = self.program.network[0].copy()
        forward[BACKWARD] = 0
        numbers = {"l2": l2, "update": 0, "loops": forward.ctypes.data}
        rows, arrays = self._rows(batch, 1, {"theta": (theta, 1)}, numbers)
        self._make(rows, arrays)
        return arrays["costs"][..., 0]

    def _rows(
        self,
        batches: Batches,
        steps: int,
        arrays: dict[str, tuple[Array, int]],
        numbers: dict[str, Any],
    ) -> tuple[Array, dict[str, Array]]:
        """The row of each network for so many steps on these, and the arrays that they point to.

        Parameters
        ----------
        batches, steps
        arrays : dict
            With the number of axes that those of one network have.
        numbers : dict
            One, or one for each network.
        """
        X, Y, s, order, _ = batches
        own = {"X": (X, 2), "Y": (Y, 2), "order": (np.ascontiguousarray(order, np.int64), 1)}
        own["costs"] = np.empty((*self.lead, steps), self.dtype), 1
        if s is not None:
            own["weight"] = np.ascontiguousarray(s), 2
        if self.program.is_thin:
            own["grads"] = self._memory(), 1
        row, more = self.program._row(_of_first(batches), steps, 0.0, {}, {})
        rows = np.repeat(table_of([row]), math.prod(self.lead))
        for name, (array, axes) in (arrays | own).items():
            rows[name] = self._addresses(array, axes)
        for name, number in numbers.items():
            rows[name] = self._of_each(number)
        self.program._penalty(rows["l2"].any())
        return rows, more | {name: array for name, (array, _) in (arrays | own).items()}

    def _addresses(self, array: Array, axes: int) -> Array:
        """Where the part of each network begins, whose last `axes` there are."""
        places = np.zeros(self.lead, np.int64)
        lead = zip(array.shape[: array.ndim - axes], array.strides, strict=False)
        for axis, (size, stride) in enumerate(reversed(list(lead))):
            if size > 1:
                places += stride * np.arange(size).reshape(-1, *(1,) * axis)
        return array.ctypes.data + places.ravel()

    def _of_each(self, numbers: Any) -> Array:
        """One number for each network."""
        numbers = numbers[..., 0, 0] if getattr(numbers, "ndim", 0) else numbers
        return np.broadcast_to(numbers, self.lead).ravel()

    def _values(self, hyperparameters: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """Rates ``(..., steps)``, and values ``(..., steps, 2, 6)`` for weights and biases."""
        names = self.program.names
        rates, *others = (
            _over_steps([numbers[name] for numbers in hyperparameters])
            for name in ("rate", *names)
        )
        lead = np.broadcast_shapes(*(column.shape for column in others), rates.shape[-1:])
        values = np.zeros((*lead, 2, MOST_VALUES))
        for number, column in enumerate(others):
            values[..., number] = column[..., None]
        if "decay" in names:
            values[..., 1, names.index("decay")] = 0.0
        return rates, values

    def _dropout(self, dropout: Sequence[Dropout]) -> tuple[dict[str, Any], Array, Array]:
        """What rows have of it; keys ``(..., steps, 2)``; and kinds, with the numbers of units.

        Units are numbered in each network, or in the whole stack.
        """
        first, keys = dropout[0], np.array([each.keys for each in dropout], np.int64)
        _, _, kinds, _ = self.program.network
        if keys.ndim > 2:
            keys = np.moveaxis(keys, (0, 1), (-2, -1))[..., 0, 0, :, :]
        else:
            networks, sizes = math.prod(self.lead), np.array(self.program.net.sizes[1:])
            sizes[-1] = 0
            number = np.arange(networks)[:, None]
            kinds = np.repeat(kinds[None], networks, axis=0)
            kinds[:, :, UNIT] = networks * kinds[:, :, A] + number * sizes
            kinds = kinds.reshape(*self.lead, *kinds.shape[1:])
        _, numbers = masks_in_row(first._replace(keys=(0, 0)), self.dtype)
        return numbers, np.ascontiguousarray(keys), kinds


def _copy(params: Params, to: Params) -> None:
    for layer, others in zip(params, to, strict=True):
        for tensor, other in zip(layer, others, strict=True):
            other[...] = tensor


def _of_first(batches: Batches) -> Batches:
    """Those of the first network."""
    X, Y, s, order, size = batches
    X, Y, s = (a if a is None else a[(0,) * (a.ndim - 2)] for a in (X, Y, s))
    return Batches(X, Y, s, order[(0,) * (order.ndim - 1)][None], size)


def _over_steps(numbers: Sequence[Any]) -> Array:
    """Numbers of each step, or arrays ``(..., 1, 1)``, as ``(..., steps)``."""
    column = np.array(numbers, float)
    if column.ndim > 1:
        column = np.moveaxis(column, 0, -1)[..., 0, 0, :]
    return np.ascontiguousarray(column)
