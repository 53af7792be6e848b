"""Run of training steps as one compiled call: gather, gradients, update, and again.

Between two steps of a small network, Python takes longer than both. Gradients and update are the
very loops that single steps call, given by their addresses: their results are the same to the bit.
Only the update is compiled for itself, as it writes over the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter, is_, itemgetter
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from xpnet.fused import (
    TrainingRun,
    TrainingStep,
    are_dense,
    are_floats,
    are_of_step,
    are_same,
    loss_share,
)
from xpnet.fused.numba.network.first_layer.zeros import LEAST_SAMPLES, MOST_NUMBERS
from xpnet.fused.numba.network.gradients import BACKWARD
from xpnet.fused.numba.network.loop import of_thread, row_of, table_of
from xpnet.fused.numba.network.loops import masks_in_row, of_gather, of_update
from xpnet.fused.numba.network.step import Program, suits
from xpnet.fused.numba.network.table import NETWORKS
from xpnet.fused.numba.products.zeros import LEAST_WEIGHTS, has_many_zeros
from xpnet.fused.numba.threads.blocks import LEAST
from xpnet.fused.numba.updates import LOOPS, MOST_VALUES
from xpnet.types import (
    Array,
    Batches,
    Hyperparameters,
    Params,
    PreparedRun,
    TrainingSteps,
    map_params,
)


def compiled_run(of_stack: Any, step: TrainingStep) -> TrainingRun:
    """Runs of one training loop; none of what the compiled calls are not made for.

    Those of a stack are made by ``of_stack(params, program)``, of a program of one of its networks.
    Its ``epochs`` takes the order of whole epochs, or none where each is a batch of all samples;
    its ``prepared`` returns a `PreparedRun`, of a call of `train` that is not made yet; its
    ``cost`` is that of one batch, where there was a run or one was prepared.
    """
    program: Any = None
    has_run = False

    def found(steps: TrainingSteps) -> Any:
        nonlocal program, has_run
        optimizer = getattr(steps.apply, "kernel", None)  # of an update that is this kernel alone
        if optimizer not in LOOPS:
            return None
        net, params, X = steps.net, steps.params, steps.batches.X
        program = program or program_of(of_stack, step, net, params, X, optimizer)
        if program is None or not program.fits_run(steps):
            return None
        has_run = True
        return program

    def run(steps: TrainingSteps) -> Any:
        fitting = found(steps)
        return fitting and fitting.run(steps)

    def prepared(steps: TrainingSteps) -> Any:
        fitting = found(steps)
        return fitting and fitting.prepared(steps)

    def cost(params: Params, batch: Batches, l2: Any) -> Any:
        return program.cost(params, batch, l2) if program and has_run else None

    run.epochs, run.prepared, run.cost = run, prepared, cost  # type: ignore[attr-defined]
    run.of_each = run.whole = True  # type: ignore[attr-defined]
    return run


def program_of(
    of_stack: Any, step: TrainingStep, net: Any, params: Params, X: Any, optimizer: str
) -> Any:
    """The `RunProgram` of a network, or of a stack what `of_stack` makes; None where none suits."""
    one = params
    if are_dense(params) and params[0].W.ndim > 2:
        one = map_params(lambda tensor: tensor[(0,) * (tensor.ndim - 2)], params)
    if not suits(net, one, X):
        return None
    program = RunProgram(net, one, optimizer, loss_share(step))
    return program if one is params else of_stack(params, program)


_address = attrgetter("ctypes.data")


class Entries(NamedTuple):
    """Some of a row's numbers, and the arrays that those point to."""

    numbers: dict[str, Any]
    arrays: dict[str, Array]


def entries_of(arrays: dict[str, Array], **numbers: Any) -> Entries:
    """These numbers, and the addresses of these arrays."""
    addresses = dict(zip(arrays, map(_address, arrays.values()), strict=True))
    return Entries(addresses | numbers, arrays)


class RunProgram(Program):
    """Runs of steps of one network by one optimiser."""

    def __init__(self, net: Any, params: Params, optimizer: str, loss_share: float) -> None:
        super().__init__(net, params, loss_share)
        self.optimizer = optimizer
        self.loop, self.names = LOOPS[optimizer]
        self.moments: tuple[Params, ...] = ()
        self.samples: tuple[Any, ...] = (None,)  # that are known to fit
        self.zeros: tuple[int, bool] = 0, False  # where samples lie, and whether they have many
        self.memory = Entries({}, {})  # that of the moments
        self.numbers |= {
            "update": of_update(self.loop, self.dtype),
            "gather": of_gather(self.dtype),
        }

    def fits_run(self, steps: TrainingSteps) -> bool:
        """Whether samples lie as rows, and the rest is of one network."""
        batches, hyperparameters = steps.batches, steps.hyperparameters
        return (
            isinstance(steps.l2, float | int)
            and all(map(self.flats.fits, (steps.params, *steps.moments)))
            and self._fits_samples(batches)
            and are_of_step(self.optimizer, steps.moments, hyperparameters[0])
            and (
                bool(_made_of(hyperparameters))  # which have been looked at
                or are_floats(chain.from_iterable(map(dict.values, hyperparameters)))
            )
        )

    def _fits_samples(self, batches: Batches) -> bool:
        if all(map(is_, batches, self.samples)):
            return True
        X, Y, s, *_ = batches
        m = X.shape[0]
        fits = (
            isinstance(X, np.ndarray)
            and X.shape == (m, self.n_x)
            and Y.shape == (m, self.n_y)
            and X.dtype == Y.dtype == self.dtype
            and X.flags.c_contiguous
            and Y.flags.c_contiguous
            and (s is None or (s.shape == (1, m) and s.dtype == self.dtype))
        )
        self.samples = (X, Y, s) if fits else (None,)
        return bool(fits)

    def run(self, steps: TrainingSteps) -> tuple[Params, tuple[Params, ...], Array]:
        """Parameters, moments and costs after all of them."""
        number, (_, _, _, order, size) = len(steps.hyperparameters), steps.batches
        orders = None if order is None else np.atleast_2d(order)  # of one epoch, or of some
        m = size if orders is None else min(size, orders.shape[1])
        costs = np.empty(number, self.dtype)
        steps = self._own(steps)
        for each, workers in self.parts(number, m):
            for part, order in _orders_of(each, orders, size):
                costs[part] = self._made(steps, part, order, workers)
        return steps.params, steps.moments, costs

    def _made(self, steps: TrainingSteps, part: slice, order: Array | None, workers: int) -> Array:
        """The costs of some of the steps, whose other memory is free again then."""
        batches, dropout = steps.batches, steps.dropout
        row, arrays = self._row_of_steps(
            steps._replace(
                batches=batches._replace(order=order),
                hyperparameters=steps.hyperparameters[part],
                dropout=dropout and dropout[part],
            )
        )
        rows = table_of([row])
        self.room.enter(rows, self.like, workers)
        self.room.train(rows, self.like, workers)
        return arrays["costs"]

    def prepared(self, steps: TrainingSteps) -> PreparedRun:
        """The same as one call of `train`, which is yet to be made."""
        steps = self._own(steps)
        row, arrays = self._row_of_steps(steps)
        left = steps.params, steps.moments, arrays["costs"]
        return PreparedRun((row, self, arrays), lambda: left)

    def _own(self, steps: TrainingSteps) -> TrainingSteps:
        """The same, of which parameters, copied, and moments may be written over."""
        if not are_same(self.moments, steps.moments):
            self.moments = tuple(map(self.flats.copied, steps.moments))
            # Now, as a vector that is long in use may no longer be known.
            vectors = map(self.flats.vector, self.moments)
            self.memory = entries_of(dict(zip(("first", "second"), vectors, strict=False)))
        return steps._replace(params=self.flats.copied(steps.params), moments=self.moments)

    def _row_of_steps(self, steps: TrainingSteps) -> tuple[tuple[float, ...], dict[str, Array]]:
        """The row of steps that write over their parameters, and the arrays that it points to."""
        theta, values = self.flats.vector(steps.params), self._values(steps.hyperparameters)
        place = theta.ctypes.data
        numbers = {"theta": place, "first": place, "second": place}
        numbers |= self.memory.numbers | values.numbers
        arrays = {}
        if self.is_thin:
            arrays["grads"] = self.flats.vector(self.flats.fresh())
        if steps.dropout is not None:
            arrays["keys"] = np.array([each.keys for each in steps.dropout])
            numbers |= masks_in_row(steps.dropout[0], self.dtype)[1]
        samples, s = self._samples(steps), steps.batches.sample_weight
        row, arrays = self.row(samples, s, steps.l2, arrays, numbers)
        return row, {"theta": theta, **self.memory.arrays, **values.arrays, **arrays}

    def _samples(self, steps: TrainingSteps) -> Entries:
        """What `of_batches` makes of those of these steps, once for all that share it."""
        count, made = len(steps.hyperparameters), {} if steps.made is None else steps.made
        key = self.net, self.dtype, count
        if key not in made:
            made[key] = self.of_batches(steps.batches, count)
        found: Entries = made[key]
        return found

    def cost(self, params: Params, batch: Batches, l2: Any) -> Any:
        """What `params` cost on the only batch of these, without dropout; None where not known."""
        is_scalar = isinstance(l2, float | int)
        if not (is_scalar and self.flats.fits(params) and self._fits_samples(batch)):
            return None
        l2 = self.penalty(l2)  # now, as it enters a loop to be copied
        forward = self.network[0].copy()
        forward[BACKWARD] = 0
        arrays = {"theta": self.flats.vector(params), "loops": forward}
        if self.is_thin:
            arrays["grads"] = self.flats.vector(self.flats.fresh())
        m = len(batch.X)
        if batch.order is not None:
            batch, m = batch._replace(order=batch.order[None]), batch.order.size
        samples = self.of_batches(batch, 1)
        row, arrays = self.row(samples, batch.sample_weight, l2, arrays, {"update": 0})
        # The programs of runs side by side have no room of their own, and there are many.
        room = self.room if self.room.arrays else of_thread.room
        if m * self.work >= LEAST:
            self.team.has_run = False  # forward alone, it is no evidence of how long steps take
        for _, workers in self.parts(1, m):
            rows = table_of([row])
            room.enter(rows, self.like, workers)
            room.train(rows, self.like, workers)
        return arrays["costs"][0]

    def row(
        self,
        samples: Entries,
        s: Array | None,
        l2: Any,
        arrays: dict[str, Array],
        numbers: dict[str, Any],
    ) -> tuple[tuple[float, ...], dict[str, Array]]:
        """The row of steps on samples of these weights, and the arrays that it points to."""
        arrays = {"costs": np.empty(samples.numbers["steps"], self.dtype), **arrays}
        if s is not None:
            arrays["weight"] = np.ascontiguousarray(s[0])
        of_steps = {"weights": 0 if s is None else s.size, "l2": self.penalty(l2)}
        row = row_of(arrays, self.numbers | samples.numbers | of_steps | numbers)
        return row, samples.arrays | arrays

    def of_batches(self, batches: Batches, steps: int) -> Entries:
        """What rows of so many steps have of their samples, whatever trains on them."""
        X, Y, _, order, size = batches
        arrays = {"X": X, "Y": Y, "keys": np.zeros((steps, 2), np.int64)}
        numbers = {"m": len(X), "steps": steps, "zeros": self._has_many_zeros(X, size)}
        if order is None:  # all samples at each step: nothing is gathered
            order = _as_they_lie(len(X), steps)
            arrays |= {"x": X, "y": Y}
            numbers["gather"] = 0
        arrays["order"] = order = np.ascontiguousarray(order, np.int64)
        return entries_of(arrays, **numbers, **self._of_samples(order, size))

    def _has_many_zeros(self, X: Array, size: int) -> bool:
        """Whether the first layer may leave out zeros of the samples."""
        n_x, n = self.net.sizes[:2]
        of_size = LEAST_SAMPLES <= size <= MOST_NUMBERS // n_x
        if self.is_thin or not of_size or NETWORKS * n * n_x < LEAST_WEIGHTS:
            return False
        place = X.ctypes.data
        if self.zeros[0] != place:
            self.zeros = place, has_many_zeros(X)
        return self.zeros[1]

    def _values(self, hyperparameters: Sequence[dict[str, float]]) -> Entries:
        """The rate of each step, and its values for weights and for biases."""
        made = _made_of(hyperparameters)
        if self.names not in made:
            columns = (map(itemgetter(name), hyperparameters) for name in ("rate", *self.names))
            rates, *others = np.array(list(map(list, columns)))
            values = np.zeros((len(rates), 2, MOST_VALUES))
            for number, column in enumerate(others):
                values[:, :, number] = column[:, None]
            if "decay" in self.names:
                values[:, 1, self.names.index("decay")] = 0.0
            made[self.names] = entries_of({"rates": rates, "values": values})
        found: Entries = made[self.names]
        return found


_lying: WeakValueDictionary[tuple[int, int], Array] = WeakValueDictionary()
"""What `_as_they_lie` returns, for as long as a run has it."""


def _as_they_lie(m: int, steps: int) -> Array:
    """The numbers of m samples, for so many steps; the same array for trainings side by side."""
    order = _lying.get((m, steps))
    if order is None:
        order = _lying[m, steps] = np.tile(np.arange(m, dtype=np.int64), (steps, 1))
    return order


def _orders_of(
    part: slice, orders: Array | None, size: int
) -> Iterator[tuple[slice, Array | None]]:
    """Some of the steps, cut where whole epochs begin and end, and the order of each piece."""
    if orders is None:
        yield part, None
        return
    per_epoch, first = -(-orders.shape[1] // size), part.start
    while first < part.stop:
        (epoch, batch), left = divmod(first, per_epoch), part.stop - first
        whole = 0 if batch else left // per_epoch
        count = whole * per_epoch or min(per_epoch - batch, left)
        samples = slice(None) if whole else slice(batch * size, (batch + count) * size)
        yield slice(first, first + count), orders[epoch : epoch + max(1, whole), samples]
        first += count


def _made_of(hyperparameters: Sequence[dict[str, Any]]) -> dict[Any, Any]:
    """What has been made of them, to be kept where trainings side by side may share them."""
    return hyperparameters.made if isinstance(hyperparameters, Hyperparameters) else {}
