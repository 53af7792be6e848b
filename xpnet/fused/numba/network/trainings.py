"""Runs of many trainings at once, each with one thread of the BLAS.

A run's arguments are arrays, whose addresses and sizes are written into a table, a row a run, for a
compiled loop over rows: between two of them there is no Python, so that threads need not wait for
each other's. Each run is the very loop that it would be by itself, with the same results to the bit
where the BLAS has those for one thread and all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np

from xpnet._interrupts import deferred_signals
from xpnet.fused.numba.blas import number_of_threads
from xpnet.fused.numba.compilation.address import pointer_to
from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.cores import cores
from xpnet.fused.numba.dropout import Masks
from xpnet.fused.numba.network.run import train
from xpnet.fused.numba.threads import prefer_one
from xpnet.types import Array, PreparedRun, SideBySide

view: Any = numba.carray  # type: ignore[attr-defined]

INTEGERS, NUMBERS = 42, 2  # columns of a table


@contextmanager
def side_by_side() -> Iterator[SideBySide]:
    """Yield what makes runs, on as many threads as the BLAS has and there are cores for."""
    threads = min(_number(), cores())
    with ThreadPoolExecutor(threads) as pool:

        def make(runs: Sequence[PreparedRun]) -> None:
            by_dtype: dict[Any, list[tuple[Any, ...]]] = {}
            for run in runs:
                by_dtype.setdefault(run.arguments[3].dtype, []).append(run.arguments)
            with deferred_signals(), _one_each():
                for calls in by_dtype.values():
                    share = -(-len(calls) // threads)
                    parts = [calls[i : i + share] for i in range(0, len(calls), share)]
                    list(pool.map(_make, parts))

        yield make
    prefer_one()


_lock = threading.Lock()
_numbers: list[int] = []  # of threads, as it was, for each who has the BLAS use one


def _number() -> int:
    """How many threads the BLAS has when nobody has it use one."""
    return _numbers[0] if _numbers else number_of_threads()[0]()


@contextmanager
def _one_each() -> Iterator[None]:
    """Context in which the BLAS uses one thread for each that calls it, whoever else wants that.

    The number is the process's: it is as it was when the last one has left.
    """
    set_ = number_of_threads()[1]
    with _lock:
        _numbers.append(_number())
        set_(1)
    try:
        yield
    finally:
        with _lock:
            number = _numbers.pop()
            if not _numbers:
                set_(number)


def _make(calls: Sequence[tuple[Any, ...]]) -> None:
    """Calls of `train`, one after another."""
    integers, numbers = np.empty((len(calls), INTEGERS), np.int64), np.empty((len(calls), NUMBERS))
    for row, of_row, arguments in zip(integers, numbers, calls, strict=True):
        write(row, of_row, *arguments[:-3], *_room(calls[0][-3:], arguments[-3:]))
    train_each(integers, numbers, calls[0][3])


def _room(first: tuple[Any, ...], own: tuple[Any, ...]) -> tuple[Any, ...]:
    """The last arguments of a call, with the room of the first one for a batch and for its layers.

    It is in the cache then. The weights of samples, which may be ones once for all, are its own.
    """
    (*_, s), _, costs = own
    shapes = [(batch[0].shape, batch[1].shape, room.shape) for batch, room, _ in (first, own)]
    return own if shapes[0] != shapes[1] else ((*first[0][:2], s), first[1], costs)


@compiled
def write(
    row: Array,
    numbers: Array,
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
    """Write the arguments of `train` into a row."""
    row[0], row[1] = gradients, update
    for i in range(4):
        row[5 + i] = vectors[i].ctypes.data
    row[2], row[3], row[4] = network[0].ctypes.data, network[1].ctypes.data, network[2].ctypes.data
    row[9], row[10], row[11] = network[3].ctypes.data, network[0].size, len(network[1])
    row[12], row[13], row[14] = X.ctypes.data, X.shape[0], X.shape[1]
    row[15], row[16] = Y.ctypes.data, Y.shape[1]
    row[17], row[18] = weight.ctypes.data, weight.size
    row[19], row[20] = order.ctypes.data, order.size
    row[21], row[22] = segments.ctypes.data, len(segments)
    row[23], row[24], row[25] = rates.ctypes.data, values.ctypes.data, values.shape[2]
    row[26] = keys.ctypes.data
    row[27], row[28], row[29] = dropout[2], dropout[4], dropout[5]
    row[30], row[31] = moments[0].ctypes.data, moments[1].ctypes.data
    row[32], row[33] = batch[0].ctypes.data, batch[1].ctypes.data
    row[34], row[35] = batch[2].ctypes.data, batch[2].size
    row[36], row[37] = work.ctypes.data, work.size
    row[38], row[39] = costs.ctypes.data, costs.size
    row[40], row[41] = vectors[0].size, network[2].shape[1]
    numbers[0], numbers[1] = l2, dropout[3]


@compiled
def train_each(integers: Array, numbers: Array, like: Array) -> None:
    """Call `train` with the arguments in each row, on numbers of the dtype of `like`."""
    whole, double = integers, numbers
    for k in range(len(integers)):
        row = integers[k]
        network = (
            view(pointer_to(row[2], whole), (row[10],)),
            view(pointer_to(row[3], whole), (row[11], 4)),
            view(pointer_to(row[4], whole), (row[11], row[41])),
            view(pointer_to(row[9], like), (row[11], 2, 3)),
        )
        size, steps, P = row[35], row[39], row[40]
        train(
            row[0],
            row[1],
            network,
            view(pointer_to(row[12], like), (row[13], row[14])),
            view(pointer_to(row[15], like), (row[13], row[16])),
            view(pointer_to(row[17], like), (row[18],)),
            view(pointer_to(row[19], whole), (row[20],)),
            numbers[k, 0],
            view(pointer_to(row[21], whole), (row[22], 3)),
            view(pointer_to(row[23], double), (steps, 1)),
            view(pointer_to(row[24], double), (steps, 2, row[25])),
            view(pointer_to(row[26], whole), (steps, 2)),
            (0, 0, row[27], numbers[k, 1], row[28], row[29]),
            (
                view(pointer_to(row[5], like), (P,)),
                view(pointer_to(row[6], like), (P,)),
                view(pointer_to(row[7], like), (P,)),
                view(pointer_to(row[8], like), (P,)),
            ),
            (
                view(pointer_to(row[30], like), (P,)),
                view(pointer_to(row[31], like), (P,)),
            ),
            (
                view(pointer_to(row[32], like), (size, row[14])),
                view(pointer_to(row[33], like), (size, row[16])),
                view(pointer_to(row[34], like), (size,)),
            ),
            view(pointer_to(row[36], like), (row[37],)),
            view(pointer_to(row[38], like), (steps,)),
        )
