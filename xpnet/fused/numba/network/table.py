"""Table of networks that compiled calls take: a row of numbers and addresses for each."""

from __future__ import annotations

import numpy as np

from xpnet.fused.numba.compilation.rows import row_of_table

ADDRESSES = (
    *("gradients", "update", "gather", "loops", "layout", "kinds", "slopes"),
    *("X", "Y", "weight", "order"),
    *("rates", "values", "keys", "drop", "divide", "theta", "grads"),
    *("first", "second", "costs", "x", "columns", "y", "s", "work", "across"),
    *("pieces", "biases", "parts_of_cost", "squares", "arrivals", "sleep"),
    *("product", "copy_weights", "first_products", "first_Z", "first_dW"),
    *("strips", "words", "products", "sums"),
)
SIZES = (
    *("thin", "layers", "kinds_of_layer", "units", "P", "m", "n_x", "n_y", "weights", "epochs"),
    *("length", "size", "steps", "least", "room_of_sample", "piece", "block", "block_last"),
    *("longest", "blocks", "shared", "zeros", "first_units", "joined", "unit"),
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
- zeros: whether the samples have many; copy_weights, first_products, first_Z, first_dW: the first
  layer's own loops where it leaves them out or is joined, and product, `product_without_zeros`, for
  the former, else 0; first_units: of that layer; joined: networks whose first layers have their
  products together, of which this one's begins at `unit`; strips, where W is a second time, words,
  products, sums: of `room_of`.
"""

NETWORKS = 8
"""Networks of a table, whose parameters and moments are to lie in the cache."""

row_at = row_of_table(ROW)

NOTHING = dict.fromkeys(ROW.names or (), 0.0)
