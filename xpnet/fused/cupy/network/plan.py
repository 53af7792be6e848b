"""Training step in CUDA as a list of instructions, over memory of its own.

The list is made once for a network, a form of batch and a choice of options. Nothing in it
allocates, reads or uploads: a step writes down what has changed and goes through the list, or a
CUDA graph is captured from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from xpnet.fused.cupy.cost import column_grid, strides_of
from xpnet.fused.cupy.dense import NEEDS_Z, undrawn
from xpnet.fused.cupy.driver import (
    ENOUGH_BLOCKS,
    MOST_BLOCKS,
    Driver,
    Extent,
    Instruction,
    Launch,
    Product,
    row_grid,
)
from xpnet.fused.cupy.network.moving import Moving, Numbers
from xpnet.fused.cupy.network.sets import sharing
from xpnet.fused.cupy.updates import tables
from xpnet.types import Array, Params, map_params


class State(NamedTuple):
    """What the steps of one training loop write over, every tensor of it C-contiguous."""

    theta: Params
    grads: Params
    moments: tuple[Params, ...]
    begins: list[int]  # where each tensor begins in a vector of all


class Options(NamedTuple):
    """What a plan is made for, beside the network and its batch."""

    optimizer: str
    norms: tuple[float, ...]  # that gradients are clipped to, one after another
    l2: float  # 0 where there is an array of it
    least: int  # of `Dropout`
    kept: float  # of `Dropout`, or 0, also where there are arrays of it


class Plan:
    """The instructions of one step.

    Parameters
    ----------
    driver : Driver
    net : Network
    state : State
    moving : Moving
        Arrays that the instructions mention; X, Y and the weights need not be of any order.
        Where kernels read addresses on the device, others stand for those that will come.
    options : Options
    there : array of int64, optional
        Where the words of `numbers` lie on the device, if kernels are to read them there, and the
        addresses of all others but X, Y and weights too.

    Attributes
    ----------
    instructions : list of Launch and Product
    numbers : Numbers
    """

    def __init__(
        self,
        driver: Driver,
        net: Any,
        state: State,
        moving: Moving,
        options: Options,
        there: Array | None = None,
    ) -> None:
        W, state = state.theta[0].W, _in_one_row(state)
        self._driver, self._state, self._moving, self._options = driver, state, moving, options
        self._dtype, self._m = W.dtype, moving.X.shape[-1]
        self._networks: int = math.prod(W.shape[:-2])
        self._activations = (*net.activations, "identity")
        self._decay: tuple[Any, Any, int] = (self._real(0.0), None, 0)
        self._tables = tables(
            driver,
            (state.theta, state.grads, *state.moments),
            (state.theta, *state.moments),
            state.begins,
        )
        self.numbers = Numbers(options.optimizer, W.dtype, there)
        self.instructions: list[Instruction] = []
        self._of_each = self._drawn_by()
        scale = self._scale()
        layers = self._forward()
        self._backward(layers, self._costs(net.output, layers[-1][1], scale))
        for norm in options.norms:
            self._clip(norm)
        self._update()

    def _real(self, number: float) -> Any:
        return self._dtype.type(number)

    def _empty(self, *shape: int) -> Array:
        return self._driver.empty(shape, self._dtype)

    def _launch(self, name: str, grid: Extent, block: Extent, *args: Any) -> None:
        self.instructions.append(Launch(name, grid, block, args))

    def _product(self, left: Array, right: Array, out: Array, **transposed: bool) -> None:
        if left.shape[:-2] != right.shape[:-2]:  # one product of the rows of all that share a set
            sets = right.shape[:-2]
            left, out = (stack.reshape(*sets, -1, stack.shape[-1]) for stack in (left, out))
        self.instructions.append(Product(left, right, out, **transposed))

    def _scale(self) -> tuple[Any, ...]:
        """What each sample's cost is multiplied by, as arguments; and the decay of weights."""
        l2, l2s, weight, m = self._options.l2, self._moving.l2, self._moving.weight, self._m
        by_number = self._real(1.0 / m), None, 1, 0, 0
        if weight is None and l2s is None:
            self._decay = self._real(l2 * (1.0 / m)), None, 0
            return by_number
        shared = sharing(weight, self._networks)
        scales = None if weight is None else self._empty(self._networks // shared, m)
        strides = (0, 0) if weight is None else strides_of(weight, 3)[::2]
        decays = None
        if l2 or l2s is not None:
            decays = self._empty(self._networks)
            self._decay = self._real(0.0), decays, 1
        penalty = self._real(l2), *self.numbers.at(self._moving, "l2"), _step(l2s), decays
        args = weight, shared, *strides, m, scales, *penalty
        self._launch("weigh", (self._networks, 1), row_grid(1, m)[1], *args)
        return by_number if scales is None else (self._real(0.0), scales, shared, m, 1)

    def _forward(self) -> list[tuple[Array | None, Array]]:
        """Z, where a derivative needs it, and A of each layer, the last one's being its logits."""
        layers: list[tuple[Array | None, Array]] = []
        A = self._moving.X
        for layer, (activation, (W, b)) in enumerate(
            zip(self._activations, self._state.theta, strict=True)
        ):
            Z = self._empty(*W.shape[:-1], self._m)
            self._product(W, A, Z)
            A = self._empty(*Z.shape) if NEEDS_Z[activation] else Z
            extents = row_grid(math.prod(W.shape[:-1]), self._m)
            name = f"forward<activation::{activation}>"
            self._launch(name, *extents, Z, b, None, *self._drawn(layer), A, self._m)
            layers.append((None if A is Z else Z, A))
        return layers

    def _drawn(self, layer: int) -> tuple[Any, ...]:
        """The arguments that draw the mask of a layer; the last one has none."""
        of_each, hidden = self._of_each, self._state.theta[:-1]
        if layer == len(hidden) or not (of_each is not None or self._options.kept):
            return undrawn(self._dtype)
        # Rows are numbered in each network, or in the whole stack.
        rows = [W.shape[-2] * (1 if of_each is not None else self._networks) for W, _ in hidden]
        numbers = sum(rows[:layer]), sum(rows), self._options.least
        by_one = *self.numbers.keys(), *numbers, self._real(self._options.kept)
        return *by_one, of_each, rows[layer]

    def _drawn_by(self) -> Array | None:
        """What the masks of each network are drawn with, if that is its own."""
        if self._moving.key is None:
            return None
        names = ("key", "other_key", "least", "kept")
        arrays, there = zip(*(self.numbers.at(self._moving, name) for name in names), strict=True)
        # The structure Drawn of dense.cu: 8 bytes of keys, and two fields as large as a number.
        of_each = self._empty(self._networks, 8 // self._dtype.itemsize + 2)
        args = *arrays, there[0], self._networks, of_each
        self._launch("draw_by", (1, 1), (256, 1), *args)
        return of_each

    def _costs(self, output: str, Z: Array, scale: tuple[Any, ...]) -> Array:
        """The output's dZ, beside J and the bias gradient of the last layer."""
        n, Y, dZ = Z.shape[-2], self._moving.Y, self._empty(*Z.shape)
        (tiles, networks), block = column_grid(Z)
        segments = min(tiles, MOST_BLOCKS)
        costs = self._empty(networks, segments)
        of_Y = sharing(Y, networks), *strides_of(Y, 3)
        args = (Z, Y, *of_Y, *scale, n, self._m, dZ, costs)
        self._launch(f"cost<output::{output}>", (segments, networks), block, *args)
        squares, parts = self._weight_squares() if self._penalised() else (None, 0)
        rows = networks * n
        (_, parts_of_row), block = row_grid(rows, self._m)
        db = self._sums_of(self._state.grads[-1].b, parts_of_row)
        J = self.numbers.at(self._moving, "J")
        rest = costs, segments, squares, parts, *self._decay, *J
        self._launch("totals", (rows + networks, parts_of_row), block, dZ, rows, self._m, db, *rest)
        self._add_up(db, self._state.grads[-1].b)
        return dZ

    def _penalised(self) -> bool:
        number, entries, _ = self._decay
        return entries is not None or bool(number)

    def _sums_of(self, db: Array, segments: int) -> Array:
        """`db` itself, or memory for so many sums of each of its entries."""
        return db if segments == 1 else self._empty(db.size, segments)

    def _add_up(self, sums: Array, db: Array) -> None:
        if sums is not db:
            rows, segments = sums.shape
            self._launch("row_sums", *row_grid(rows, segments), sums, segments, db)

    def _backward(self, layers: Sequence[tuple[Array | None, Array]], dA: Array) -> None:
        """The gradients of every layer; the output's dA is its dZ already."""
        for layer in reversed(range(len(layers))):
            (dW, db), W = self._state.grads[layer], self._state.theta[layer].W
            if layer < len(layers) - 1:
                Z, A = layers[layer]
                (rows, segments), block = row_grid(math.prod(W.shape[:-1]), self._m)
                sums = self._sums_of(db, segments)
                args = (dA, Z, A, None, *self._drawn(layer), self._m, dA, sums)
                name = f"backward<activation::{self._activations[layer]}>"
                self._launch(name, (rows, segments), block, *args)
                self._add_up(sums, db)
            A_prev = layers[layer - 1][1] if layer else self._moving.X
            self._product(dA, A_prev, dW, right_transposed=True)
            if layer:
                dA_prev = self._empty(*A_prev.shape)
                self._product(W, dA, dA_prev, left_transposed=True)
                dA = dA_prev

    def _clip(self, norm: float) -> None:
        """Scale the gradients down, decay and all, to that norm."""
        squares, parts = self._squares("gradient_squares", *self._decay)
        grid = (self._parts(), self._networks)
        for table in self._tables:
            args = (table.structure, *self._decay, squares, parts, self._real(norm))
            self._launch("clip", grid, (256, 1), *args)
        self._decay = (self._real(0.0), None, 0)

    def _weight_squares(self) -> tuple[Array, int]:
        return self._squares("weight_squares")

    def _squares(self, name: str, *args: Any) -> tuple[Array, int]:
        """Sums of squares that a network's parts add up, and how many these are."""
        each = self._parts()
        parts = each * len(self._tables)
        squares = self._empty(self._networks, parts)
        for number, table in enumerate(self._tables):
            to = squares.reshape(-1)[number * each :]
            grid = (each, self._networks)
            self._launch(name, grid, (256, 1), table.structure, *args, to, parts)
        return squares, parts

    def _parts(self) -> int:
        """The blocks among which sums over the tensors of one network are shared out."""
        largest = max(table.largest for table in self._tables) // self._networks
        return max(1, min(ENOUGH_BLOCKS // self._networks, largest // 1024))

    def _update(self) -> None:
        moving, at = self._moving, self.numbers.at
        rates = *at(moving, "rates"), _step(moving.rates), *at(moving, "fields")
        args = (*self.numbers.structure(), *rates, *self._decay, *at(moving, "copy"))
        name = f"update<optimizer::{self._options.optimizer}>"
        for table in self._tables:
            self._launch(name, table.grid(), (256, 1), table.structure, *args)


def _in_one_row(state: State) -> State:
    """The same memory, with networks of a stack along one axis."""

    def flat(array: Array) -> Array:
        return array if array.ndim < 4 else array.reshape(-1, *array.shape[-2:])

    theta, grads, *moments = (
        map_params(flat, tree) for tree in (state.theta, state.grads, *state.moments)
    )
    return State(theta, grads, tuple(moments), state.begins)


def _step(numbers: Array | None) -> int:
    """From one network's number to the next one's: 0 where they share it."""
    return 0 if numbers is None or numbers.size == 1 else 1
