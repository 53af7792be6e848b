"""First layers of networks on the same samples, as one product of them all.

W of each is kept a second time, below that of the one before: so one product makes Z of all, and
another dW. It reads samples from the cache once, and fills its tiles where those of a network of
few units are cut short. Each entry is the same sum, with the same bits. With more units a product
has enough to do for what it reads, and copies of W, Z and dZ take longer than is saved.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.address import call
from xpnet.fused.numba.compilation.compiler import compiled_inner
from xpnet.fused.numba.compilation.views import address_at, array_at
from xpnet.fused.numba.network.batch import part_of
from xpnet.fused.numba.network.gradients import DECAY, MATMUL, weight_gradients
from xpnet.fused.numba.network.places import WEIGHTS, A, Z, rows_of
from xpnet.fused.numba.network.table import row_at
from xpnet.fused.numba.products.matmul import MOST, SUMMED
from xpnet.types import Array

INPUTS, LEAST_INPUTS = 32, 200
"""Inputs for each unit, and in all, from which on one product pays: samples are read from the cache
once."""
LEAST_NETWORKS = 3
"""Networks whose products fill enough tiles to pay for the copies."""
LEAST_SAMPLES = 32
"""Samples of a batch from which on it pays to copy W at each step."""
FILLED = 32
"""Units of so many tiles that those which are cut short matter no more."""


def pays(networks: int, n: int, n_in: int, size: int) -> bool:
    """Whether it pays to have one product for networks of n units, in batches of a size.

    Units of a few whole tiles have nothing to gain.
    """
    is_cut_short = n < FILLED and n % MOST != 0
    has_many_inputs = n_in >= max(LEAST_INPUTS, INPUTS * n)
    return is_cut_short and has_many_inputs and networks >= LEAST_NETWORKS and size >= LEAST_SAMPLES


def room_of(n_in: int, n: int, samples: int) -> dict[str, int]:
    """Numbers of the room for the products of n units, of all networks: W, Z, and dZ."""
    return {"strips": n * n_in, "products": samples * n, "sums": samples * n}


@compiled_inner
def copy_weights(address: int, first: int, n: int, like: Array) -> None:
    """So many rows of W, from `first` on, to where those of all networks lie.

    Parameters
    ----------
    address : int
        Of the network's row of the table.
    first, n : int
    like : array
        Of the dtype of the network.
    """
    row, size = row_at(address, 0), like.itemsize
    begin = array_at(row.layout, np.int64, 1, 4)[0, WEIGHTS] + first * row.n_x
    W = array_at(row.theta + begin * size, like, n * row.n_x)
    own = array_at(row.strips + (row.unit + first) * row.n_x * size, like, n * row.n_x)
    for entry in range(n * row.n_x):
        own[entry] = W[entry]


@compiled_inner
def products(address: int, before: int, place: int, worker: int, m: int, like: Array) -> None:
    """``W X`` of all networks and a block of m samples.

    Parameters
    ----------
    address : int
        Of the row of the first of them.
    before, worker : int
        Not used: such samples are in one place for all.
    place : int
        Samples before these in room.
    m : int
    like : array
        Of the dtype of the networks.
    """
    row, size = row_at(address, 0), like.itemsize
    n, matmul = row.joined * row.first_units, array_at(row.loops, np.int64, DECAY + 1)[MATMUL]
    X = row.columns + place * (row.n_x + row.n_y) * size
    to_Z = row.products + place * n * size
    for start in range(0, row.n_x, SUMMED):
        k = SUMMED if row.n_x - start > SUMMED else row.n_x - start
        factors = row.strips + start * size, row.n_x, 1, X + start * m * size, m
        call(matmul, *factors, k, min(start, 1), to_Z, m, n, m, like)


@compiled_inner
def forward(address: int, place: int, worker: int, m: int, work: Array) -> None:
    """Z of a network and a block of m samples, in its place in `work`, from `products`.

    Parameters
    ----------
    address : int
        Of the network's row of the table.
    place, worker, m : int
        As of `products`.
    work : array
        Of `cost_and_differences`.
    """
    row = row_at(address, 0)
    layout = array_at(row.layout, np.int64, row.layers, 4)
    kinds = array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer)
    to_Z = rows_of(work, layout, kinds, Z if kinds[0, Z] >= 0 else A, 0, m)
    units_before = place * row.joined * row.first_units + row.unit * m
    made = array_at(row.products + units_before * work.itemsize, work, row.first_units * m)
    own = array_at(address_at(to_Z, 0), work, row.first_units * m)
    for entry in range(len(made)):
        own[entry] = made[entry]


@compiled_inner
def gradients(address: int, start: int, n: int, m: int, worker: int, like: Array) -> None:
    """Rows of dW, of n units of all networks, from `start` on, and all m samples.

    Parameters
    ----------
    address : int
        Of the row of the first of them.
    start, n, m, worker : int
    like : array
        Of the dtype of the networks.
    """
    row, size = row_at(address, 0), like.itemsize
    for k in range(start // row.first_units, (start + n - 1) // row.first_units + 1):
        unit, count = part_of(start, n, k, row.first_units)
        place = row.sums + (k * row.first_units + unit - start) * size
        differences(row_at(address, k), unit, count, m, place, n, like)
    matmul = array_at(row.loops, np.int64, DECAY + 1)[MATMUL]
    dW = array_at(row.pieces + worker * row.piece * size, like, n, row.n_x)
    weight_gradients(matmul, row.sums, n, row.x, row.n_x, m, dW)


@compiled_inner
def differences(row: Any, unit: int, count: int, m: int, to: int, width: int, like: Array) -> None:
    """So many columns of a network's dZ, from `unit` on, to an address, of so many a row."""
    for i in range(m):
        place = row.across + (i * 2 * row.units + row.units + unit) * like.itemsize
        values = array_at(place, like, count)
        own = array_at(to + i * width * like.itemsize, like, count)
        for j in range(count):
            own[j] = values[j]
