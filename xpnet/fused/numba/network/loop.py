"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

`train` is that call; `row_of` and `table_of` make the table that it takes, and a `Room` has the
memory that it works in.

A batch comes in blocks of samples, which go forward and back by themselves. Then gradients are made
of all blocks, some rows of a layer at a time, and used for the update while they lie in the cache.
Workers, threads that make all steps together, have blocks and rows of their own.

Some networks that are trained on the same samples in the same order share what is gathered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from xpnet.fused.numba.compilation.address import call
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.rows import address_of_row
from xpnet.fused.numba.compilation.views import array_at, matrix_at, vector_at
from xpnet.fused.numba.memory import aligned
from xpnet.fused.numba.network.batch import (
    enter_cost,
    gathered,
    gradients,
    update,
    update_joined,
    weighted,
)
from xpnet.fused.numba.network.first_layer import joined, zeros
from xpnet.fused.numba.network.gradients import FEW
from xpnet.fused.numba.network.loops import of_first_layer
from xpnet.fused.numba.network.table import NOTHING, ROW, row_at
from xpnet.fused.numba.threads.barrier import sleep, wait_for
from xpnet.fused.numba.threads.workers import on_workers
from xpnet.types import Array


@compiled
def train(rows: int, networks: int, like: Array, worker: int, workers: int) -> None:
    """As many steps as a row says, of each of so many networks; what falls to one worker.

    Parameters
    ----------
    rows : int
        The address of a table of ROW, a row for each network.
    networks : int
        One, where there are some workers.
    like : array
        Of the dtype of all that are no whole numbers.
    worker, workers : int
        Its number, and how many there are.
    """
    first = row_at(rows, 0)
    of_epoch = (first.length + first.size - 1) // first.size
    for i in range(first.steps):
        start = i % of_epoch * first.size
        left = first.length - start
        m = first.size if first.size <= left else left
        length = first.block if first.size <= left else first.block_last
        order = array_at(first.order, np.int64, first.epochs * first.length)
        begin = i // of_epoch * first.length + start
        s = array_at(first.s + worker * first.size * like.itemsize, like, 1, m)
        order = vector_at(order, begin, len(order) - begin)
        share = weighted(first, vector_at(order, 0, m), s, like)
        for k in range(0, networks, first.joined):
            together = address_of_row(row_at(rows, k))
            for j in range(first.joined):
                row = row_at(together, j)
                by_blocks(row, i, k + j == 0, j == 0, order, length, s, worker, workers, like)
                if workers > 1 and not wait_for(row.arrivals, (2 * i + 1) * workers, row.sleep):
                    return
                for layer in range(row.layers):
                    update(row, i, layer, m, length, share, worker, workers, like)
            if first.copy_weights != 0:
                update_joined(together, i, m, share, worker, workers, like)
            if workers > 1 and not wait_for(first.arrivals, (2 * i + 2) * workers, first.sleep):
                return
            for j in range(first.joined if worker == 0 else 0):
                enter_cost(row_at(together, j), i, (m + length - 1) // length, share, like)


@compiled_inner
def by_blocks(
    row: Any,
    i: int,
    gathers: bool,
    multiplies: bool,
    order: Array,
    length: int,
    s: Array,
    worker: int,
    workers: int,
    like: Array,
) -> None:
    """Cost and differences of a network in step i, of a worker's blocks of the batch.

    The first of all networks gathers the samples, and the first of those that are joined makes the
    products of their first layers.
    """
    m = s.shape[1]
    for before in range(worker * length, m, workers * length):
        n = length if length < m - before else m - before
        place = before if row.shared > 0 else worker * row.longest
        if gathers:
            following = vector_at(order, before, len(order) - before)
            gathered(row, following, n, before, place, like)
        if multiplies and row.copy_weights != 0 and n > FEW:
            call(row.first_products, address_of_row(row), before, place, worker, n, like)
        gradients(row, i, before, length, place, worker, matrix_at(s, before, 1, n), like)


@compiled
def copy_all(rows: int, networks: int, like: Array) -> None:
    """The second W of each of the networks that a table has, before their first step."""
    for k in range(networks):
        row = row_at(rows, k)
        call(row.copy_weights, address_of_row(row), 0, row.first_units, like)


_address = attrgetter("ctypes.data")


def row_of(arrays: dict[str, Array], numbers: Mapping[str, float]) -> tuple[float, ...]:
    """The row of a network, yet without room, from its arrays, and from numbers and addresses."""
    addresses = dict(zip(arrays, map(_address, arrays.values()), strict=True))
    return tuple({**NOTHING, **numbers, **addresses}.values())


def table_of(rows: Sequence[tuple[float, ...]]) -> Array:
    """The table of some networks; to join tables of one row takes NumPy some times as long."""
    return np.array(rows, ROW)


OF_ROOM = (
    *("size", "longest", "blocks", "n_x", "n_y", "room_of_sample", "piece", "units"),
    *("first_units", "zeros"),
)
OF_FIRST = "joined", "first_units", "n_x", "size"

Memory: TypeAlias = tuple[dict[str, int], Any, int, Callable[[int, Any], Array]]
"""Lengths of arrays by their names, their dtype, and for how many rows there is one of each."""


class Room:
    """Memory that steps are made in, used again: one at a time may have it.

    Attributes
    ----------
    arrays : dict
    serial : int
        Another one each time that what was entered before holds no more.
    has_copies : bool
        Whether some rows that were entered have a second W of their first layers.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self.serial, self.has_copies = 0, False

    def enter(self, rows: Array, like: Array, workers: int) -> None:
        """Enter the memory that these rows need into them."""
        sizes = map(int, map(rows[0].__getitem__, OF_ROOM))
        size, longest, blocks, n_x, n_y, room, piece, units, first_units, has_zeros = sizes
        networks, dtype, double = len(rows), like.dtype, np.dtype(np.float64)
        rows["shared"] = is_shared = networks > 1
        without_zeros = zeros.joined_of(networks, first_units, n_x, dtype) if has_zeros else 0
        may_join = is_shared and not rows["thin"][0]
        is_joined = may_join and joined.pays(networks, first_units, n_x, size)
        rows["joined"] = number = without_zeros or (networks if is_joined else 1)
        lengths = {"s": size * workers, "work": workers * longest * room}
        # Those that are joined have their gradients at the same time.
        of_each, doubles = {}, {"parts_of_cost": 2 * size, "squares": 2 * units}
        if rows["gather"][0]:
            lengths |= {"x": size * n_x, "y": size * n_y}
        if not rows["thin"][0]:
            lengths["columns"] = (n_x + n_y) * (size if is_shared else workers * longest)
            lengths["pieces"] = workers * piece
            of_each = {"across": 2 * units * size, "biases": blocks * units}
        memory: list[Memory] = [(lengths, dtype, 1, np.empty)]
        memory += [(of_each, dtype, number, np.empty), (doubles, double, number, np.empty)]
        if without_zeros or is_joined:
            samples = size if number > 1 else workers * longest
            memory += self._first_layer(rows, dtype, without_zeros > 0, samples, workers)
        for lengths, dtype, number, make in memory:
            for name, length in lengths.items():
                rows[name] = self._array(name, number * length, dtype, make).ctypes.data
                if number > 1:
                    rows[name] += np.arange(networks) % number * (length * dtype.itemsize)

    def _first_layer(
        self, rows: Array, dtype: Any, without_zeros: bool, samples: int, workers: int
    ) -> list[Memory]:
        """Enter its loops where it leaves out zeros or is joined; the memory that these need."""
        self.has_copies = True
        for name, address in of_first_layer(dtype, without_zeros).items():
            rows[name] = address
        number, n, n_x, size = map(int, map(rows[0].__getitem__, OF_FIRST))
        rows["unit"] = np.arange(len(rows)) % number * n
        lengths = (
            zeros.room_of(n_x, number * n, size, samples, workers, dtype)
            if without_zeros
            else joined.room_of(n_x, number * n, samples)
        )
        strips = {"strips": lengths.pop("strips")}
        return [(strips, dtype, len(rows) // number, aligned), (lengths, dtype, 1, aligned)]

    def train(self, rows: Array, like: Array, workers: int) -> None:
        """Train the networks of these rows, by so many workers that room was entered for."""
        if self.has_copies and rows["copy_weights"][0]:
            copy_all(rows.ctypes.data, len(rows), like)
        if workers == 1:
            train(rows.ctypes.data, len(rows), like, 0, 1)
            return
        rows["sleep"] = sleep()

        def make(worker: int, workers: int, arrivals: int) -> None:
            rows["arrivals"] = arrivals
            train(rows.ctypes.data, 1, like, worker, workers)

        on_workers(workers, make)

    def _array(self, name: str, length: int, dtype: Any, make: Any = np.empty) -> Array:
        array = self.arrays.get(name)
        if array is None or array.size < length or array.dtype != dtype:
            array = self.arrays[name] = make(length, dtype)
            self.serial += 1
        return array


class _OfThread(threading.local):
    """Of each thread, for whoever has none of their own."""

    def __init__(self) -> None:
        self.room = Room()


of_thread = _OfThread()
