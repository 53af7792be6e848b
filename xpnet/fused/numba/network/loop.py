"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

A batch comes in blocks of samples, which go forward and back by themselves. Then gradients are made
of all blocks, some rows of a layer at a time, and used for the update while they lie in the cache.
Workers, threads that make all steps together, have blocks and rows of their own.

Some networks that are trained on the same samples in the same order share what is gathered.

A network's arguments are a row of a table: numbers, and the addresses and sizes of arrays, so that
a call takes rows of as many networks as there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.compilation.rows import row_of_table
from xpnet.fused.numba.compilation.views import array_at, matrix_at, vector_at
from xpnet.fused.numba.network.batch import (
    enter_cost,
    gathered,
    gradients,
    update,
    weighted,
)
from xpnet.fused.numba.threads.barrier import wait_for
from xpnet.types import Array

ADDRESSES = (
    *("gradients", "update", "gather", "loops", "layout", "kinds", "slopes"),
    *("X", "Y", "weight", "order"),
    *("rates", "values", "keys", "drop", "divide", "theta", "grads"),
    *("first", "second", "costs", "x", "columns", "y", "s", "work", "across"),
    *("pieces", "biases", "parts_of_cost", "squares", "arrivals", "sleep"),
    *("product", "turn", "first_Z", "first_dW", "strips", "words", "sums"),
)
SIZES = (
    *("thin", "layers", "kinds_of_layer", "units", "P", "m", "n_x", "n_y", "weights", "epochs"),
    *("length", "size", "steps", "least", "room_of_sample", "piece", "block", "block_last"),
    *("longest", "blocks", "shared", "of_strips", "of_sums"),
)
REALS = "l2", "kept", "loss_share"
ROW = np.dtype(
    [(name, np.int64) for name in ADDRESSES + SIZES] + [(name, np.float64) for name in REALS]
)
"""A row of the table: the name of an array or a loop stands for its address.

- gradients, update, gather: addresses of loops; without update, parameters stay as they
  are, and without gather, x and y are the samples of the only step;
- loops, layout (layers, 4), kinds (layers, kinds_of_layer), slopes (layers, 2, 3): the
  first arguments of `cost_and_differences`; thin: whether they are those of
  `thin_cost_and_gradients`;
- X (m, n_x), Y (m, n_y), weight (weights,): the samples; no weights where all count the
  same;
- order (epochs, length): the samples of each epoch, `size` of them a step; the last step of
  an epoch takes those that are left;
- l2; loss_share, a factor of the samples' losses in costs;
- rates (steps,), values (steps, 2, 6), for weights and for biases; keys (steps, 2),
  least, kept, drop, divide: the dropout of `masks_of`;
- theta (P,): the parameters, which an update writes over; grads (P,), where gradients are
  asked for; first, second (P,): moments;
- costs (steps,): where they go;
- x (size, n_x), y (size, n_y), s (workers, size): room for a batch; columns (n_x + n_y,
  longest) and work (longest * room_of_sample,) of each worker: for a block, the former of
  all blocks where networks have them in common, `shared`; across (size, 2 * units), biases
  (blocks, units), pieces (workers, piece): for gradients;
- block, block_last: samples of a block, of a whole batch and of what is left; longest and
  blocks: samples of one, and how many there are, at the most;
- parts_of_cost (2, blocks), squares (2, units): of an even step and an odd one, costs of
  blocks, and sums of the squares of weights;
- arrivals, sleep: of `wait_for`;
- product, turn, first_Z, first_dW: of `product_without_zeros` and of the first layer's own loops
  where it leaves out zeros of samples, else 0; strips (networks, of_strips): Wᵀ; words (n_x times
  whole words): the batch as columns; sums (workers, of_sums): room.
"""

row_at = row_of_table(ROW)

_address = attrgetter("ctypes.data")

NOTHING = dict.fromkeys(ROW.names or (), 0.0)


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
        share = weighted(first, vector_at(order, begin, m), s, like)
        for k in range(networks):
            row = row_at(rows, k)
            # One through the sum of tiny weights is infinite, and times 0 it would be NaN.
            decay = row.l2 * share if row.l2 != 0.0 else 0.0
            for before in range(worker * length, m, workers * length):
                n = length if length < m - before else m - before
                place = before if first.shared > 0 else worker * first.longest
                if k == 0:
                    following = vector_at(order, begin + before, len(order) - begin - before)
                    gathered(first, following, n, before, place, like)
                weights = matrix_at(s, before, 1, n)
                gradients(row, i, before, length, place, worker, weights, like)
            if workers > 1 and not wait_for(first.arrivals, (2 * i + 1) * workers, first.sleep):
                return
            for layer in range(row.layers):
                update(row, i, layer, m, length, decay, worker, workers, like)
            if workers > 1 and not wait_for(first.arrivals, (2 * i + 2) * workers, first.sleep):
                return
            if worker == 0:
                enter_cost(row, i, (m + length - 1) // length, decay, like)


def row_of(arrays: dict[str, Array], numbers: Mapping[str, float]) -> tuple[float, ...]:
    """The row of a network, yet without room, from its arrays, and from numbers and addresses."""
    addresses = dict(zip(arrays, map(_address, arrays.values()), strict=True))
    return tuple({**NOTHING, **numbers, **addresses}.values())


def table_of(rows: Sequence[tuple[float, ...]]) -> Array:
    """The table of some networks; to join tables of one row takes NumPy some times as long."""
    return np.array(rows, ROW)
