"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

A batch comes in blocks of samples, which go forward and back by themselves. Then gradients are made
of all blocks, some rows of a layer at a time, and used for the update while they lie in the cache.
Workers, threads that make all steps together, have blocks and rows of their own.

Some networks that are trained on the same samples in the same order share what is gathered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.address import call
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.rows import address_of_row
from xpnet.fused.numba.compilation.views import array_at, matrix_at, vector_at
from xpnet.fused.numba.network.batch import (
    enter_cost,
    gathered,
    gradients,
    update,
    update_joined,
    weighted,
)
from xpnet.fused.numba.network.gradients import FEW
from xpnet.fused.numba.network.table import NOTHING, ROW, row_at
from xpnet.fused.numba.threads.barrier import wait_for
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
            if first.turn != 0:
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
        if multiplies and row.turn != 0 and n > FEW:
            call(row.first_products, address_of_row(row), before, place, worker, n, like)
        gradients(row, i, before, length, place, worker, matrix_at(s, before, 1, n), like)


_address = attrgetter("ctypes.data")


def row_of(arrays: dict[str, Array], numbers: Mapping[str, float]) -> tuple[float, ...]:
    """The row of a network, yet without room, from its arrays, and from numbers and addresses."""
    addresses = dict(zip(arrays, map(_address, arrays.values()), strict=True))
    return tuple({**NOTHING, **numbers, **addresses}.values())


def table_of(rows: Sequence[tuple[float, ...]]) -> Array:
    """The table of some networks; to join tables of one row takes NumPy some times as long."""
    return np.array(rows, ROW)
