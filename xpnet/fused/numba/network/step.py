"""Training step as two compiled calls: all gradients, then all updates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from operator import floordiv, neg
from typing import Any

import numpy as np

from xpnet.fused import are_dense, loss_share, or_else
from xpnet.fused.flats import Flats
from xpnet.fused.numba.activations import KINDS
from xpnet.fused.numba.compilation.compiler import DTYPES
from xpnet.fused.numba.cost import OUTPUTS
from xpnet.fused.numba.network.batch import PIECE, ROWS_OF_PIECE
from xpnet.fused.numba.network.gradients import DECAY
from xpnet.fused.numba.network.loop import Room, row_of, table_of
from xpnet.fused.numba.network.loops import (
    masks_in_row,
    network_of,
    of_gradients,
    of_penalty,
)
from xpnet.fused.numba.network.places import REST
from xpnet.fused.numba.network.table import ROW
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.products.matmul import MOST
from xpnet.fused.numba.products.thin import MOST_OUTPUTS
from xpnet.fused.numba.threads.blocks import LEAST, block_of, weights_of
from xpnet.fused.numba.threads.team import Team
from xpnet.fused.numba.updates import flat_update
from xpnet.kernels import Dropout
from xpnet.types import Array, Kernels, Params, ValueAndGrad

SMALL = 2**17
"""Numbers in a batch up to which a copy with samples as rows pays for itself."""

OF_STEP = [(ROW.names or ()).index(name) for name in ("theta", "grads", "x", "y")]
WEIGHTS, L2, KEPT = map((ROW.names or ()).index, ("weights", "l2", "kept"))


def compiled_step(
    of_stack: Callable[..., Callable[..., Any]], step: Callable[..., Any]
) -> Callable[..., Any]:
    """`step` for one training run, whose parameters, gradients and moments are kept flat.

    What the compiled calls are not made for, such as a large batch in C order, is left to `step`
    itself, by way of ``of_stack(step)``.
    """
    program: Program | None = None
    own: Kernels
    plain: Callable[..., Any] | None = None

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
        nonlocal program, own, plain
        if program is None and suits(net, params, X):
            program = Program(net, params, loss_share(step))
            own = replace(kernels, update=flat_update(kernels.update, program.flats))
        weights = settings["sample_weight"], settings["l2"]
        if program is None or not program.fits(params, X, Y, *weights):
            # By itself, as `or_else` would cost a small network's step more than 1 %.
            rest = {"kernels": kernels, "apply": apply, **settings}
            plain = plain or of_stack(step)
            return plain(net, params, moments, X, Y, hyperparameters, **rest)
        J, grads = program(params, X, Y, *weights, settings["dropout"])
        params, moments = apply(params, grads, moments, hyperparameters, own)
        return params, moments, J

    return fused_step


def compiled_value_and_grad(plain: ValueAndGrad) -> ValueAndGrad:
    """`plain` as one compiled call, for one network and one thread."""
    program: Program | None = None

    def fused_value_and_grad(
        net: Any,
        params: Params,
        X: Array,
        Y: Array,
        *,
        sample_weight: Array | None = None,
        l2: float | Array = 0.0,
        masks: Any = None,
        **unused: Any,
    ) -> Any:
        nonlocal program
        if program is None and suits(net, params, X):
            program = Program(net, params)
        data = params, X, Y, sample_weight, l2
        if program is None or program.net != net or masks is not None or not program.fits(*data):
            return NotImplemented
        return program(*data)

    return or_else(fused_value_and_grad, plain)


def suits(net: Any, params: Params, X: Any) -> bool:
    """Whether there is a program for one such network, and a matrix product that it can call."""
    if not (are_dense(params) and isinstance(X, np.ndarray)):
        return False
    W = params[0].W
    return (
        all(tensor.ndim == 2 and tensor.dtype == W.dtype for layer in params for tensor in layer)
        and W.dtype in DTYPES
        and _has_loops(net)
        and routine(W.dtype) is not None
    )


@lru_cache(maxsize=64)
def _has_loops(net: Any) -> bool:
    """Whether there are loops for its output and its activations; nothing is added to them."""
    return net.output in OUTPUTS and KINDS.keys() >= set(net.activations)


def is_thin(net: Any) -> bool:
    """Whether there is one layer of so few outputs that few samples are multiplied at a time."""
    return len(net.sizes) == 2 and net.sizes[1] <= MOST_OUTPUTS


class Program:
    """The cost and flat gradients of one network, for one thread: its memory is used again."""

    def __init__(self, net: Any, params: Params, loss_share: float = 1.0) -> None:
        self.net, self.dtype = net, params[0].W.dtype
        self.loss_share = loss_share
        self.n_x, self.n_y = net.sizes[0], net.sizes[-1]
        self.flats = Flats(params)
        self.is_thin = is_thin(net)
        loops, kinds, slopes = network_of(net, self.dtype, self.is_thin)
        self.network = loops.copy(), self.flats.layout, kinds, slopes
        self.room, self.like = Room(), np.empty(0, self.dtype)
        # Of a batch of m samples, how many a block has.
        self.block: Callable[[int], int] = int if self.is_thin else partial(block_of, net.sizes)
        self.work = 0 if self.is_thin else weights_of(net.sizes)  # of a sample
        self.numbers = self._numbers()
        self.latest: tuple[tuple[int, int, int], Any, Any] = (0, 0, 0), None, None

    def _numbers(self) -> dict[str, float]:
        """What is the same in all rows: sizes, and addresses of what lasts."""
        loops, layout, kinds, slopes = self.network
        units, widest = sum(self.net.sizes[1:]), max(self.net.sizes)
        return {
            "gradients": of_gradients(self.is_thin, self.dtype),
            "loops": loops.ctypes.data,
            "layout": layout.ctypes.data,
            "kinds": kinds.ctypes.data,
            "slopes": slopes.ctypes.data,
            "thin": self.is_thin,
            "layers": len(layout),
            "kinds_of_layer": kinds.shape[1],
            "units": units,
            "first_units": self.net.sizes[1],
            "P": self.flats.size,
            "n_x": self.n_x,
            "n_y": self.n_y,
            "room_of_sample": int(kinds[0, REST]) + 3,
            "piece": max(min(PIECE, ROWS_OF_PIECE * widest), MOST * widest),
            "loss_share": self.loss_share,
        }

    @cached_property
    def team(self) -> Team:
        """The workers of steps that there may be some for."""
        return Team(self.net.sizes)

    def most_workers(self, m: int) -> int:
        """How many workers a batch of m samples may have."""
        return self.team.most(m) if m * self.work >= LEAST else 1

    def parts(self, steps: int, m: int) -> Iterable[tuple[slice, int]]:
        """The parts of so many steps of m samples, and for each how many workers."""
        return self.team.parts(steps, m) if m * self.work >= LEAST else [(slice(0, steps), 1)]

    def fits(self, params: Params, X: Array, Y: Array, sample_weight: Any, l2: Any) -> bool:
        """Whether the batch can lie as rows, and the rest is of one network."""
        m = X.shape[-1]
        s = sample_weight
        return (
            isinstance(X, np.ndarray)
            and isinstance(l2, float | int)
            and self.flats.fits(params)
            and X.shape == (self.n_x, m)
            and Y.shape == (self.n_y, m)
            and m > 0
            and X.dtype == Y.dtype == self.dtype
            and (X.flags.f_contiguous or X.size <= SMALL)
            and (Y.flags.f_contiguous or Y.size <= SMALL)
            and (s is None or (s.shape == (1, m) and s.dtype == self.dtype))
        )

    def __call__(
        self,
        params: Params,
        X: Array,
        Y: Array,
        sample_weight: Array | None,
        l2: Any,
        dropout: Dropout | None = None,
    ) -> tuple[Array, Params]:
        """J and its gradients, which are flat."""
        grads, m = self.flats.fresh(), X.shape[1]
        arrays = [self.flats.vector(params), self.flats.vector(grads)]
        arrays += [np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)]
        table, more = self._table(m)
        # As numbers, since by their names it would take some times as long.
        whole, real = table.view(np.int64), table.view(np.float64)
        whole[OF_STEP] = [array.ctypes.data for array in arrays]
        real[L2], real[KEPT], whole[WEIGHTS] = self.penalty(l2), 0.0, 0
        if sample_weight is not None:
            arrays.append(np.ascontiguousarray(sample_weight[0]))
            table["weight"], whole[WEIGHTS] = arrays[-1].ctypes.data, m
        if dropout is not None:
            more["keys"][0], numbers = masks_in_row(dropout, self.dtype)
            for name, number in numbers.items():
                table[name] = number
        for _, workers in self.parts(1, m):
            self.room.train(table, self.like, min(workers, self.latest[0][1]))
        return more["costs"][0], grads

    def _table(self, m: int) -> tuple[Array, dict[str, Array]]:
        """The table of a step of m samples, and its own arrays; the latest is used again."""
        most = self.most_workers(m)
        if self.latest[0] != (m, most, self.room.serial):
            order, costs = np.arange(m)[None], np.empty(1, self.dtype)
            arrays = {"keys": np.zeros((1, 2), np.int64), "order": order, "costs": costs}
            numbers = self.numbers | self._of_samples(order, m) | {"steps": 1}
            table = table_of([row_of(arrays, numbers | {"gather": 0, "update": 0})])
            self.room.enter(table, self.like, most)
            self.latest = (m, most, self.room.serial), table, arrays
        _, table, arrays = self.latest
        return table, arrays

    def penalty(self, l2: Any) -> float:
        """`l2`; what adds its part to the gradients is compiled for the first that is not 0."""
        loops = self.network[0]
        if l2 and not loops[DECAY]:
            loops[DECAY] = of_penalty(self.dtype)
        return float(l2)

    def _of_samples(self, order: Array, size: int) -> dict[str, int]:
        """What a row has of the samples that its steps take."""
        epochs, length = order.shape
        sizes = {"epochs": epochs, "length": length, "size": size}
        batches = list(filter(None, (min(size, length), length % size)))
        blocks = list(map(self.block, batches))
        return {
            **sizes,
            "block": blocks[0],
            "block_last": blocks[-1],
            "longest": max(map(min, batches, blocks)),
            "blocks": -min(map(floordiv, map(neg, batches), blocks)),  # rounded up
        }
