"""Run of training steps over memory that is taken once: gather, gradients, update, and again.

On a small network Python takes longer between two operations than they do, and on a large one
fresh memory as long as the products. Here a step is its operations alone, and none waits for a
device.
"""

from __future__ import annotations

from itertools import count, repeat
from typing import Any, NamedTuple

import torch

from xpnet.fused import (
    TrainingRun,
    TrainingStep,
    are_dense,
    are_floats,
    are_same,
    is_known,
    loss_share,
)
from xpnet.fused.torch.activations import activated, through_activation
from xpnet.fused.torch.dense import decayed
from xpnet.fused.torch.updates import FLUSH_EVERY, adam, copies, flush, long_ago
from xpnet.kernels import Dropout, dropout_masks
from xpnet.types import Array, Batches, Dense, Params, TrainingSteps, tensors


def runs_in_place(step: TrainingStep) -> TrainingRun:
    """Runs of one training loop; none of stacks, and none on devices but processors and CUDA's."""
    program: Program | None = None

    def run(steps: TrainingSteps) -> Any:
        nonlocal program
        is_scalar = isinstance(steps.l2, float | int)
        if not (is_known(steps.apply) and is_scalar and _suits(steps.params, steps.batches)):
            return None
        if program is None:
            program = Program(steps, loss_share(step))
        with torch.no_grad():
            return program.run(steps)

    return run


def _suits(params: Params, batches: Batches) -> bool:
    """Whether these are plain tensors of one network and of one dtype."""
    X, Y, s, *_ = batches
    if not are_dense(params):
        return False
    return (
        all(type(t) in (torch.Tensor, torch.nn.Parameter) for t in (X, Y, *tensors(params)))
        and X.device.type in ("cpu", "cuda")
        and all(t.ndim == 2 and t.dtype == X.dtype for t in (X, Y, *tensors(params)))
        and (s is None or (s.ndim == 2 and s.dtype == X.dtype))
    )


class Room(NamedTuple):
    """Memory for a batch of m samples: x and y as rows, Z and dA of each layer ``(n, m)``."""

    x: Array
    y: Array
    Z: list[Array]
    dA: list[Array]


class Program:
    """Runs of steps of one network by one optimiser, and their memory."""

    def __init__(self, first: TrainingSteps, loss_share: float) -> None:
        self.loss_share = loss_share
        net, params, size = first.net, first.params, first.batches.size
        self.net, self.apply, self.kernels = net, first.apply, first.kernels()
        self.activations = (*net.activations, "identity")
        self.grads = tuple(Dense(W.new_empty(W.shape), b.new_empty(b.shape)) for W, b in params)
        self.counted = long_ago(params[0].W)
        self.moments: tuple[Params, ...] = ()
        self.steps = count()
        n_x, *sizes = net.sizes
        widths = n_x, net.sizes[-1], *sizes, *sizes[:-1]
        self.memory = [params[0].W.new_empty(n * size) for n in widths]
        self.room = self._room(size)

    def run(self, asked: TrainingSteps) -> tuple[Params, tuple[Params, ...], Any]:
        """Parameters, moments and costs after all of them."""
        _, params, moments, batches, hyperparameters, *_ = asked
        in_place = getattr(self.apply, "kernel", None) == "adam" and all(
            are_floats(numbers.values()) for numbers in hyperparameters
        )
        if in_place:
            params = copies(params)
            if not are_same(self.moments, moments):
                moments = tuple(map(copies, moments))
            trees = [tensors(tree) for tree in (params, self.grads, *moments)]
        order = torch.from_numpy(batches.order).to(batches.X.device).split(batches.size)
        drawn = asked.dropout or repeat(None, len(order))
        costs = []
        for rows, numbers, masks in zip(order, hyperparameters, drawn, strict=True):
            costs.append(self._gradients(params, batches, rows, float(asked.l2), masks))
            if not in_place:
                params, moments = self.apply(params, self.grads, moments, numbers, self.kernels)
                continue
            adam(*trees, counted=self.counted, **numbers)
            if next(self.steps) % FLUSH_EVERY == 0:
                flush(trees[2] + trees[3])
        self.moments = moments
        # Read here: `fit` goes by the time that a run takes.
        return params, moments, torch.stack(costs).numpy(force=True)

    def _gradients(
        self, params: Params, batches: Batches, rows: Array, l2: float, dropout: Dropout | None
    ) -> Array:
        """The cost of the samples of these numbers; the gradients are written to `grads`."""
        room = self.room if len(rows) == len(self.room.x) else self._room(len(rows))
        torch.index_select(batches.X, 0, rows, out=room.x)
        torch.index_select(batches.Y, 0, rows, out=room.y)
        scale, decay = _scale(batches.sample_weight, rows, l2)
        masks = self._masks(params, room.x, dropout)
        A, layers = room.x.T, []
        for activation, (W, b), Z, mask in zip(
            self.activations, params, room.Z, masks, strict=True
        ):
            layers.append(activated(activation, torch.addmm(b, W, A, out=Z), mask))
            A = layers[-1].A
        J, dZ = self.kernels.output_cost_backward(self.net.output, A, room.y.T, scale)
        for i in reversed(range(len(params))):
            W, (dW, db) = params[i].W, self.grads[i]
            torch.mm(dZ, layers[i - 1].A.T if i else room.x, out=dW)
            decayed(dW, decay, W)
            torch.sum(dZ, dim=1, keepdim=True, out=db)
            if i:
                dA = torch.mm(W.T, dZ, out=room.dA[i - 1])
                dZ = through_activation(
                    self.activations[i - 1], dA, layers[i - 1], masks[i - 1], dA
                )
        J = J * self.loss_share
        return J if decay is None else J + 0.5 * decay * _squares(params)

    def _masks(
        self, params: Params, like: Array, dropout: Dropout | None
    ) -> tuple[Array | None, ...]:
        """A mask, or None, for every layer; the output layer has none."""
        if dropout is None:
            return (None,) * len(params)
        shapes = [(len(W), len(like)) for W, _ in params[:-1]]
        return (*dropout_masks(dropout, shapes, like), None)

    def _room(self, m: int) -> Room:
        """The memory for m samples, at most as many as a batch has."""
        n_x, *sizes = self.net.sizes
        rows, columns = self.memory[:2], self.memory[2:]
        widths = *sizes, *sizes[:-1]
        x, y = (at[: m * n].view(m, n) for at, n in zip(rows, (n_x, sizes[-1]), strict=True))
        Z = [at[: n * m].view(n, m) for at, n in zip(columns, widths, strict=True)]
        return Room(x, y, Z[: len(sizes)], Z[len(sizes) :])


def _scale(
    weight: Array | None, rows: Array, l2: float
) -> tuple[float | Array, float | Array | None]:
    """What each sample, and the penalty, is multiplied by; 0 where no sample has a weight."""
    if weight is None:
        one: float | Array = 1.0 / len(rows)
        return one, l2 * one if l2 else None
    s = weight.index_select(1, rows)
    S = s.sum()
    one = torch.where(S > 0, 1.0 / torch.where(S > 0, S, 1.0), 0.0)
    return s * one, l2 * one if l2 else None


def _squares(params: Params) -> Array:
    """``Σ ‖W‖²``."""
    return sum(torch.vdot(W.reshape(-1), W.reshape(-1)) for W, _ in params)
