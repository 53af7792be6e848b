"""Run of training steps over memory that is taken once: gather, gradients, update, and again.

On a small network Python takes longer between two operations than they do, and on a large one
fresh memory takes as long as the products. Here a step is its operations alone, and none waits for
a device. The networks of a stack are matrices of one operation; in the first layer, those that
share samples are rows of one matrix.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import torch

from xpnet.fused import TrainingRun, TrainingStep, are_dense, is_known, loss_share
from xpnet.fused.torch.activations import activated, through_activation
from xpnet.fused.torch.cost import COSTS
from xpnet.fused.torch.dense import decayed
from xpnet.fused.torch.samples import Samples, samples_of
from xpnet.fused.torch.updates import FlatAdam, is_in_place
from xpnet.kernels import Dropout, dropout_masks
from xpnet.types import Array, Batches, Layer, Params, TrainingSteps, tensors

Matrices: TypeAlias = list[tuple[Array, Array]]
"""W and b of each layer, or their gradients, as products take them."""


def runs_in_place(step: TrainingStep) -> TrainingRun:
    """Runs of one training loop; none on devices but processors and CUDA's."""
    program: Program | None = None

    def run(steps: TrainingSteps) -> Any:
        nonlocal program
        if not (is_known(steps.apply) and _suits(steps.params, steps.batches, steps.l2)):
            return None
        if program is None:
            program = Program(steps, loss_share(step))
        with torch.no_grad():
            return program.run(steps)

    run.of_each = True  # type: ignore[attr-defined]
    return run


def _suits(params: Params, batches: Batches, l2: Any) -> bool:
    """Whether these are plain tensors of one dtype, of as many networks in each layer."""
    X, Y, s, *_ = batches
    if not are_dense(params):
        return False
    lead, arrays = params[0].W.shape[:-2], (X, Y, *tensors(params))
    return (
        all(type(t) in (torch.Tensor, torch.nn.Parameter) for t in arrays)
        and X.device.type in ("cpu", "cuda")
        and all(t.ndim >= 2 and t.dtype == X.dtype for t in arrays)
        and all(t.shape[:-2] == lead for t in tensors(params))
        and (s is None or (s.ndim >= 2 and s.dtype == X.dtype))
        and all(getattr(t, "ndim", 0) <= len(lead) + 2 for t in (X, Y, s, l2))
        and (isinstance(l2, float | int) or l2.ndim >= 2)
    )


class Room(NamedTuple):
    """Memory for a batch of m samples.

    Attributes
    ----------
    x, y : tensor
        Rows as they are drawn.
    X : tensor, shape (m, n_x) or (groups, m, n_x)
        x for each group of networks.
    Y : tensor, shape (..., n_y, m)
        The columns of y.
    Z, A : list of tensor
        Of each layer, as its product makes it, and the same for what comes after it.
    dA : list of tensor
        Of each layer but the last.
    grads : list of (dW, db)
        Of each layer, as products make them.
    """

    x: Array
    y: Array
    X: Array
    Y: Array
    Z: list[Array]
    A: list[Array]
    dA: list[Array]
    grads: Matrices


class Batch(NamedTuple):
    """What a step is made on.

    Attributes
    ----------
    room : Room
        With the samples.
    Y : tensor, shape (..., n_y, m)
        Targets whose rows are contiguous.
    scale : float or tensor (..., 1, m)
        What each sample is multiplied by.
    decay : float or tensor (..., 1, 1), or None
        And the penalty.
    masks : tuple of tensor or None
        Of each layer.
    """

    room: Room
    Y: Array
    scale: float | Array
    decay: float | Array | None
    masks: tuple[Array | None, ...]


class Program:
    """Runs of steps of one network, or of a stack, by one optimiser, and their memory."""

    def __init__(self, first: TrainingSteps, loss_share: float) -> None:
        self.loss_share = loss_share
        net, params = first.net, first.params
        self.net, self.apply, self.kernels = net, first.apply, first.kernels()
        self.activations = (*net.activations, "identity")
        self.cost = COSTS.get(net.output, partial(self.kernels.output_cost_backward, net.output))
        self.like, self.lead = params[0].W, params[0].W.shape[:-2]
        self.networks = math.prod(self.lead)
        self.adam = FlatAdam(params)
        self.grads = self.adam.grads.params
        self.memory: dict[str, Array] = {}
        self.rooms: dict[Any, Room] = {}

    def run(self, asked: TrainingSteps) -> tuple[Params, tuple[Params, ...], Any]:
        """Parameters, moments and costs after all of them."""
        _, params, moments, batches, hyperparameters, *_ = asked
        samples, l2 = samples_of(batches, self.lead), _beside(asked.l2, batches.X)
        if in_place := is_in_place(self.apply, hyperparameters):
            params, moments = self.adam.begin(params, moments)
        theta = self._matrices(params, samples)
        dropout = asked.dropout or repeat(None, len(hyperparameters))
        costs = []
        for step, (numbers, drops) in enumerate(zip(hyperparameters, dropout, strict=True)):
            batch = self._batch(samples, step, l2, drops)
            costs.append(self._gradients(params, theta, batch))
            if in_place:
                self.adam.step(numbers)
                continue
            params, moments = self.apply(params, self.grads, moments, numbers, self.kernels)
            theta = self._matrices(params, samples)
        # Read here: `fit` goes by the time that a run takes.
        return params, moments, torch.stack(costs).numpy(force=True)

    def _gradients(self, params: Params, theta: Matrices, batch: Batch) -> Array:
        """The cost of a batch; the gradients are written to `grads`."""
        layers = self._forward(theta, batch)
        J, dZ = self.cost(layers[-1].A, batch.Y, batch.scale)
        self._backward(theta, layers, dZ, batch)
        if self.loss_share != 1.0:
            J = J * self.loss_share
        if batch.decay is None:
            return J
        for (W, _), (dW, _) in zip(params, self.grads, strict=True):
            decayed(dW, batch.decay, W)
        return _with_penalty(J, params, batch.decay)

    def _forward(self, theta: Matrices, batch: Batch) -> list[Layer]:
        """Every layer's activations, the last one's being its logits."""
        room, layers = batch.room, []
        A = room.X.mT
        for (W, b), Z, to, activation, mask in zip(
            theta, room.Z, room.A, self.activations, batch.masks, strict=True
        ):
            _plus_product(b, W, A, Z)
            layers.append(activated(activation, to, mask))
            A = layers[-1].A
        return layers

    def _backward(self, theta: Matrices, layers: list[Layer], dZ: Array, batch: Batch) -> None:
        """Write the gradients from the last layer to the first, given the cost's slope dZ."""
        room = batch.room
        for i in reversed(range(len(theta))):
            (W, _), (dW, db) = theta[i], room.grads[i]
            if dZ.ndim > 2:
                dZ = dZ.reshape(room.Z[i].shape)
            _product(dZ, layers[i - 1].A.mT if i else room.X, dW)
            torch.sum(dZ, dim=-1, keepdim=True, out=db)
            if i:
                dA = _product(W.mT, dZ, room.dA[i - 1])
                before = self.activations[i - 1], dA, layers[i - 1], batch.masks[i - 1]
                dZ = through_activation(*before, dA)

    def _batch(
        self, samples: Samples, step: int, l2: float | Array, drops: Dropout | None
    ) -> Batch:
        """The samples of that step, drawn."""
        room = self._room(samples, samples.X.length(step))
        samples.X.draw(step, room.x)
        samples.Y.draw(step, room.y)
        # The cost of every network reads Y, so its rows are laid out once.
        Y, masks = room.Y.contiguous(), self._masks(room.Y, drops)
        return Batch(room, Y, *samples.scale(step, l2), masks)

    def _masks(self, Y: Array, drops: Dropout | None) -> tuple[Array | None, ...]:
        """A mask, or None, for every layer; the output layer has none."""
        sizes = self.net.sizes[1:-1]
        if drops is None:
            return (None,) * (len(sizes) + 1)
        shapes = [(*self.lead, n, Y.shape[-1]) for n in sizes]
        masks = dropout_masks(drops, shapes, Y)
        return (*(_matrix(mask, self.networks) for mask in masks), None)

    def _matrices(self, params: Params, samples: Samples) -> Matrices:
        """W and b of each layer; of networks that share samples one matrix in the first layer."""
        groups = [samples.X.groups] + [self.networks] * (len(params) - 1)
        each = zip(params, groups, strict=True)
        return [(_matrix(W, n), _matrix(b, n)) for (W, b), n in each]

    def _room(self, samples: Samples, m: int) -> Room:
        """The memory for m samples."""
        X, Y, lead, networks = samples.X, samples.Y, self.lead, self.networks
        if (key := (X.groups, Y.lead, m)) not in self.rooms:
            n_x, *sizes = self.net.sizes
            x, y = self._memory("x", X.groups * m, n_x), self._memory("y", Y.groups * m, sizes[-1])
            Z = [self._memory(f"Z {i}", *lead, n, m) for i, n in enumerate(sizes)]
            dA = [self._memory(f"dA {i}", *lead, n, m) for i, n in enumerate(sizes[:-1])]
            hidden = [_matrix(z, networks) for z in Z]
            self.rooms[key] = Room(
                x,
                y,
                X=_matrix(x, X.groups),
                Y=y.view(*Y.lead, m, -1).mT,
                Z=[_matrix(Z[0], X.groups), *hidden[1:]],
                A=[*hidden[:-1], Z[-1]],
                dA=[_matrix(da, networks) for da in dA],
                grads=self._matrices(self.grads, samples),
            )
        return self.rooms[key]

    def _memory(self, name: str, *shape: int) -> Array:
        """Memory of that name and shape; of any numbers."""
        size = math.prod(shape)
        if name not in self.memory or len(self.memory[name]) < size:
            self.memory[name] = self.like.new_empty(size)
        return self.memory[name][:size].view(shape)


def _matrix(tensor: Array, groups: int) -> Array:
    """The rows of each group of networks as a matrix; of two axes where there is one group."""
    if tensor.ndim == 2 and groups == 1:
        return tensor
    n = tensor.shape[-1]
    return tensor.reshape(-1, n) if groups == 1 else tensor.reshape(groups, -1, n)


def _product(A: Array, B: Array, to: Array) -> Array:
    return torch.mm(A, B, out=to) if A.ndim == 2 else torch.bmm(A, B, out=to)


def _plus_product(b: Array, A: Array, B: Array, to: Array) -> Array:
    return torch.addmm(b, A, B, out=to) if A.ndim == 2 else torch.baddbmm(b, A, B, out=to)


def _beside(l2: Any, like: Array) -> float | Array:
    """A number for all networks, or a tensor (..., 1, 1) with one for each."""
    if isinstance(l2, float | int):
        return float(l2)
    return torch.as_tensor(l2, dtype=like.dtype, device=like.device)


def _with_penalty(J: Array, params: Params, decay: float | Array) -> Array:
    """``J + decay / 2 Σ ‖W‖²`` of each network."""
    first, *others = (_squares(W) for W, _ in params)
    squares = sum(others, first)
    if not isinstance(decay, torch.Tensor):
        return torch.add(J, squares, alpha=0.5 * decay)
    decay = decay[..., 0, 0]
    # As in `xpnet.network.gradients.with_penalty`: infinity times 0 is no cost.
    squares = torch.where((decay == 0) & torch.isinf(squares), 0.0, squares)
    return torch.addcmul(J, decay, squares, value=0.5)


def _squares(W: Array) -> Array:
    """``‖W‖²`` of each network, without an array of squares."""
    if W.ndim == 2:
        return torch.vdot(W.reshape(-1), W.reshape(-1))
    # By rows, as one sum of millions would lose digits.
    return torch.linalg.vector_norm(W, dim=-1).square_().sum(-1)
