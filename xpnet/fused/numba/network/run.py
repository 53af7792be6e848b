"""Run of training steps as one compiled call: gather, gradients, update, and again.

Between two steps of a small network, Python takes longer than both. Gradients and update are the
very loops that single steps call, given by their addresses: their results are the same to the bit,
and nothing is compiled twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import is_
from typing import Any

import numpy as np

from xpnet.fused import TrainingRun, TrainingStep
from xpnet.fused.arguments import are_of_step, are_same
from xpnet.fused.numba.compilation.address import address_of, call, number_of
from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.compilation.views import matrix_at, vector_at
from xpnet.fused.numba.dropout import Masks, masks_of
from xpnet.fused.numba.gather import gather
from xpnet.fused.numba.network.step import Program, suits
from xpnet.fused.numba.parallel import LONG
from xpnet.fused.numba.updates import LOOPS, MOST_VALUES
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Kernels, Params, PreparedRun, count


def compiled_run(step: TrainingStep) -> TrainingRun:
    """Runs of one training loop; none of what the compiled calls are not made for.

    Its ``prepared`` returns a `PreparedRun`, of a call of `train` that is not made yet.
    """
    program: RunProgram | None = None

    def found(
        net: Any,
        params: Params,
        moments: tuple[Params, ...],
        batches: Batches,
        hyperparameters: Sequence[dict[str, Any]],
        *,
        apply: Callable[..., Any],
        kernels: Kernels,
        l2: Any,
        dropout: Sequence[Dropout] | None,
    ) -> Any:
        nonlocal program
        optimizer = getattr(apply, "kernel", None)  # of an update that is this kernel alone
        if optimizer not in LOOPS or not suits(net, params, batches.X) or is_large(params):
            return None
        if program is None:
            program = RunProgram(net, params, optimizer)
        if not program.fits_run(params, moments, batches, hyperparameters, l2):
            return None
        return program, (params, moments, batches, hyperparameters, l2, dropout)

    def run(*args: Any, **settings: Any) -> Any:
        of = found(*args, **settings)
        return of and of[0].run(*of[1])

    def prepared(*args: Any, **settings: Any) -> Any:
        of = found(*args, **settings)
        return of and of[0].prepared(*of[1])

    run.prepared = prepared  # type: ignore[attr-defined]
    return run


def is_large(params: Params) -> bool:
    """Whether several threads update the parameters, and Python takes nothing beside a step.

    Step by step there are no more of them than the old and the new.
    """
    return count(params) >= 2 * LONG


class RunProgram(Program):
    """Runs of steps of one network by one optimiser."""

    def __init__(self, net: Any, params: Params, optimizer: str) -> None:
        super().__init__(net, params)
        self.optimizer = optimizer
        self.loop, self.names = LOOPS[optimizer]
        self.moments: tuple[Params, ...] = ()
        self.samples: tuple[Any, ...] = (None,)  # that are known to fit
        self.memory: list[Array] = []
        self.batch = self._batch(0)
        self.segments = self._segments()
        self.update = _of_update(self.loop, self.dtype)

    def fits_run(
        self,
        params: Params,
        moments: tuple[Params, ...],
        batches: Batches,
        hyperparameters: Sequence[dict[str, Any]],
        l2: Any,
    ) -> bool:
        """Whether samples lie as rows, and the rest is of one network."""
        return (
            isinstance(l2, float | int)
            and all(map(self.flats.fits, (params, *moments)))
            and (all(map(is_, batches, self.samples)) or self._fits_samples(batches))
            and are_of_step(self.optimizer, moments, hyperparameters[0])
            and (
                hyperparameters is _latest[0]  # which have been looked at
                or all(_are_floats(name, hyperparameters) for name in hyperparameters[0])
            )
        )

    def _fits_samples(self, batches: Batches) -> bool:
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

    def run(
        self,
        params: Params,
        moments: tuple[Params, ...],
        batches: Batches,
        hyperparameters: Sequence[dict[str, float]],
        l2: float,
        dropout: Sequence[Dropout] | None,
    ) -> tuple[Params, tuple[Params, ...], Array]:
        """Parameters, moments and costs after so many steps."""
        steps, size = len(hyperparameters), batches.size
        costs = np.empty(steps, self.dtype)
        with self.threads.parts(steps, size, len(batches.order) - size * (steps - 1)) as parts:
            for part in parts:
                order = batches.order[part.start * size : part.stop * size]
                made = self.prepared(
                    params,
                    moments,
                    batches._replace(order=order),
                    hyperparameters[part],
                    l2,
                    dropout and dropout[part],
                )
                train(*made.arguments)
                params, moments, costs[part] = made.result
        return params, moments, costs

    def prepared(
        self,
        params: Params,
        moments: tuple[Params, ...],
        batches: Batches,
        hyperparameters: Sequence[dict[str, float]],
        l2: float,
        dropout: Sequence[Dropout] | None,
    ) -> PreparedRun:
        """The same as one call of `train`, which is yet to be made."""
        flats, steps, size = self.flats, len(hyperparameters), batches.size
        if len(self.batch[0]) != size:
            self.batch = self._batch(size)
        if not are_same(self.moments, moments):
            self.moments = tuple(map(flats.copied, moments))
            # Now, as a vector that is long in use may no longer be known.
            self.memory = [flats.vector(moment) for moment in self.moments]
        theta, grads = flats.vector(params), flats.fresh()
        # What an odd number of steps ends in, and what an even number.
        odd = flats.fresh()
        even = flats.fresh() if steps > 1 else odd
        vectors = theta, *map(flats.vector, (odd, even, grads))
        memory = (*self.memory, *vectors[3:] * 2)[:2]
        weight = self.batch[2][:0] if batches.sample_weight is None else batches.sample_weight[0]
        data = batches.X, batches.Y, weight, batches.order, self._penalty(l2)
        numbers = self.segments, *self._numbers(hyperparameters), *self._masks(dropout, steps)
        costs = np.empty(steps, self.dtype)
        room: Any = vectors, memory, self.batch, self._work(size), costs
        result = odd if steps % 2 else even, self.moments, costs
        loops = self.gradients, self.update
        return PreparedRun((*loops, self.network, *data, *numbers, *room), result)

    def _segments(self) -> Array:
        """What is updated at once: begin, end, and whether it is a bias, which does not decay."""
        if "decay" not in self.names:
            return np.array([(0, self.flats.size, 0)])
        rows = []
        for n_out, n_in, W, b in self.flats.layout.tolist():
            rows += [(W, W + n_out * n_in, 0), (b, b + n_out, 1)]
        return np.array(rows)

    def _numbers(self, hyperparameters: Sequence[dict[str, float]]) -> tuple[Array, Array]:
        """The rate of each step, and its values for weights and for biases."""
        known, numbers = _latest
        if known is not hyperparameters or numbers[2] != self.names:
            rates = np.array([[numbers["rate"]] for numbers in hyperparameters])
            # Name by name: of many small steps, one by one they would take a tenth of the time.
            values = np.zeros((len(hyperparameters), 2, MOST_VALUES))
            for i, name in enumerate(self.names):
                values[:, :, i] = [[numbers[name]] for numbers in hyperparameters]
                if name == "decay":
                    values[:, 1, i] = 0.0  # of biases
            numbers = rates, values, self.names
            _latest[:] = hyperparameters, numbers
        return numbers[:2]  # type: ignore[no-any-return]

    def _masks(self, dropout: Sequence[Dropout] | None, steps: int) -> tuple[Array, Masks]:
        """The keys of each step, and what else its masks are made by."""
        if dropout is None:
            return np.zeros((steps, 2), np.int64), masks_of(None, self.dtype)
        return np.array([each.keys for each in dropout]), masks_of(dropout[0], self.dtype)

    def _batch(self, size: int) -> tuple[Array, Array, Array]:
        """Room for the samples of a batch and their weights, which are 1."""
        X, Y = np.empty((size, self.n_x), self.dtype), np.empty((size, self.n_y), self.dtype)
        return X, Y, np.ones(size, self.dtype)


def _are_floats(name: str, hyperparameters: Sequence[dict[str, Any]]) -> bool:
    """Whether a hyperparameter is one number at each step; by kinds, as there are many steps."""
    kinds = {type(numbers[name]) for numbers in hyperparameters}
    return all(issubclass(kind, float) for kind in kinds)


_latest: list[Any] = [None, ()]
"""Hyperparameters, and what they are for `train`: trainings side by side may share them."""


@cache
def _of_update(loop: Any, dtype: Any) -> int:
    """The address of an optimiser's loop."""
    vector = np.empty(1, dtype)
    return address_of(loop, *[vector] * 4, np.empty(1), (0.0,) * MOST_VALUES, vector)


@compiled
def train(
    gradients: int,
    update: int,
    network: tuple[Any, ...],
    X: Array,
    Y: Array,
    weight: Array,
    order: Array,
    l2: float,
    segments: Array,
    rates: Array,
    values: Array,
    keys: Array,
    dropout: Masks,
    vectors: tuple[Array, Array, Array, Array],
    moments: tuple[Array, Array],
    batch: tuple[Array, Array, Array],
    work: Array,
    costs: Array,
) -> None:
    """As many steps as there are `costs`, over the samples that `order` numbers.

    Parameters
    ----------
    gradients, update : int
        The addresses of loops of `network` and `updates`.
    network : tuple
        The first arguments of `gradients`.
    X, Y : array, shapes (m, n_x) and (m, n_y)
    weight : array, shape (m,)
        Empty where all samples count the same.
    order : array of int
    l2 : float
    segments : array of int, shape (S, 3)
        Begin and end of what is updated at once, and which of its step's values it takes.
    rates : array, shape (n, 1)
    values : array, shape (n, 2, 6)
    keys : array of int, shape (n, 2)
        Of each step's dropout.
    dropout : tuple
        Of `masks_of`, whose keys are not looked at.
    vectors : tuple of array, shape (P,)
        θ, which is left as it is; θ after the first, third, … step, and after the others; g.
    moments : tuple of array, shape (P,)
    batch : tuple of array, shapes (size, n_x), (size, n_y) and (size,)
        Room for samples, and their weights; the last step takes those that are left.
    work : array
    costs : array, shape (n,)
    """
    x, y, s = batch
    first, second = moments
    theta, new, spare, g = vectors
    for i in range(costs.size):
        start, size = i * len(x), len(x)
        m = size if start + size <= order.size else order.size - start
        x_of_batch = matrix_at(x, 0, m, x.shape[1])
        y_of_batch = matrix_at(y, 0, m, y.shape[1])
        gather(X, order, start, x_of_batch)
        gather(Y, order, start, y_of_batch)
        if weight.size > 0:
            for j in range(m):
                s[j] = weight[order[start + j]]
        data = x_of_batch, y_of_batch, matrix_at(s, 0, 1, m), l2
        masks = (keys[i, 0], keys[i, 1], *dropout[2:])
        costs[i] = number_of(gradients, *network, *data, masks, theta, work, g)
        for k in range(len(segments)):
            begin, n = segments[k, 0], segments[k, 1] - segments[k, 0]
            v = vector_at(values, (2 * i + segments[k, 2]) * MOST_VALUES, MOST_VALUES)
            call(
                update,
                vector_at(theta, begin, n),
                vector_at(g, begin, n),
                vector_at(first, begin, n),
                vector_at(second, begin, n),
                vector_at(rates, i, 1),
                (v[0], v[1], v[2], v[3], v[4], v[5]),
                vector_at(new, begin, n),
            )
        theta, new = new, spare if i == 0 else theta
