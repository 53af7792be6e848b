"""Kernels for torch tensors: operations that join two steps, and in place where memory is fresh.

``addmm`` adds the bias within the product, the activation is taken in place of it, torch's own
backward operations join derivative and product, and Adam's step is one multi-tensor operation.
On a 2-core processor this took less time than ``torch.compile`` of the plain kernels, which needs a
C++ compiler and half a minute besides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from xpnet.fused._torch_adam import fused_update
from xpnet.kernels import ACTIVATIONS
from xpnet.kernels.activations import GELU_CUBIC, GELU_LEAST, GELU_LINEAR, GELU_MOST, MOST
from xpnet.kernels.dense import before_dropout
from xpnet.types import Array, Dense, Kernels, Layer

__all__ = ["accelerate", "for_one_run"]

IN_PLACE: dict[str, Callable[[Array], Array]] = {
    "identity": lambda Z: Z,
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
"""Activations whose derivative needs only A, taken in the memory of Z."""

BACKWARD: dict[str, Callable[[Array, Array], Array]] = {
    "relu": lambda dA, A: torch.ops.aten.threshold_backward(dA, A, 0),
    "tanh": torch.ops.aten.tanh_backward,
    "sigmoid": torch.ops.aten.sigmoid_backward,
}
"""``(dA, A) -> dZ`` in one pass."""


def _gelu(Z: Array) -> Array:
    Z = Z.clamp(min=GELU_LEAST)
    return (Z * Z).mul_(GELU_CUBIC).add_(GELU_LINEAR).mul_(Z).sigmoid_().mul_(Z)


def _gelu_backward(dA: Array, Z: Array) -> Array:
    Z = Z.clamp(GELU_LEAST, GELU_MOST)
    C = (Z * Z).mul_(GELU_CUBIC)
    U = torch.add(C, GELU_LINEAR).mul_(Z)
    slope = C.mul_(3.0).add_(GELU_LINEAR).mul_(Z)
    return slope.mul_(torch.sigmoid(-U)).add_(1.0).mul_(U.sigmoid_()).mul_(dA)


def _softplus(Z: Array) -> Array:
    return torch.nn.functional.softplus(Z, threshold=MOST)


def _softplus_backward(dA: Array, Z: Array) -> Array:
    return torch.sigmoid(Z).mul_(dA)


def _silu_backward(dA: Array, Z: Array) -> Array:
    # aten's own takes 1 − σ(z), which for large z is rounding alone.
    return torch.sigmoid(-Z).mul_(Z).add_(1.0).mul_(torch.sigmoid(Z)).mul_(dA)


OF_Z: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "gelu": (_gelu, _gelu_backward),
    "silu": (torch.nn.functional.silu, _silu_backward),
    "softplus": (_softplus, _softplus_backward),
}
"""Activations whose derivative is made of Z: ``Z -> A`` and ``(dA, Z) -> dZ``."""


def accelerate(kernels: Kernels) -> Kernels:
    """`kernels` with the entries that torch has joined operations for."""
    return _fused(kernels, one_run=False)


def for_one_run(kernels: Kernels) -> Kernels:
    """The same for one training loop: Adam's moments are then updated in place."""
    return _fused(kernels, one_run=True)


def _fused(kernels: Kernels, one_run: bool) -> Kernels:
    return dataclasses.replace(
        kernels,
        dense_activation=_dense_activation(kernels),
        activation_dense_backward=_activation_dense_backward(kernels),
        output_cost_backward=_output_cost_backward(kernels),
        update=fused_update(kernels, one_run),
    )


def _dense_activation(kernels: Kernels) -> Callable[..., Layer]:
    plain = kernels.dense_activation

    def dense_activation(
        activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
    ) -> Layer:
        if not _is_pair(W, A_prev) or b.shape != (W.shape[0], 1) or b.dtype != W.dtype:
            return plain(activation, W, b, A_prev, mask)
        if _is_recorded(W, b, A_prev, mask):  # What it keeps would be written over.
            return plain(activation, W, b, A_prev, mask)
        Z = torch.addmm(b, W, A_prev)
        if not _like(mask, Z):
            return plain(activation, W, b, A_prev, mask)
        if activation in IN_PLACE:
            A = IN_PLACE[activation](Z)
            return Layer(None, A if mask is None else A.mul_(mask))
        A = (OF_Z[activation][0] if activation in OF_Z else ACTIVATIONS[activation].apply)(Z)
        return Layer(Z, A if mask is None else A * mask)

    return dense_activation


def _activation_dense_backward(kernels: Kernels) -> Callable[..., tuple[Dense, Array | None]]:
    plain = kernels.activation_dense_backward

    def activation_dense_backward(
        activation: str,
        dA: Array,
        layer: Layer,
        A_prev: Array,
        W: Array,
        *,
        mask: Array | None = None,
        decay: float | Array | None = None,
        need_dA_prev: bool = True,
    ) -> tuple[Dense, Array | None]:
        if not (
            _is_pair(W, A_prev)
            and _is_pair(dA, A_prev.mT)
            and _like(layer.Z, dA)
            and _like(layer.A, dA)
            and _like(mask, dA)
            and _scales(decay, W)
        ):
            return plain(
                activation, dA, layer, A_prev, W, mask=mask, decay=decay, need_dA_prev=need_dA_prev
            )
        dZ = _through_activation(activation, dA, layer, mask)
        dW = torch.mm(dZ, A_prev.T)
        if decay is not None:
            is_array = isinstance(decay, torch.Tensor)
            dW = dW.addcmul_(decay, W) if is_array else dW.add_(W, alpha=decay)
        db = torch.sum(dZ, dim=1, keepdim=True)
        return Dense(dW, db), torch.mm(W.T, dZ) if need_dA_prev else None

    return activation_dense_backward


def _through_activation(activation: str, dA: Array, layer: Layer, mask: Array | None) -> Array:
    dA = dA if mask is None else dA * mask
    if activation == "identity":
        return dA
    if activation in OF_Z and layer.Z is not None:
        return OF_Z[activation][1](dA, layer.Z)
    A = before_dropout(layer.A, mask)
    if activation in BACKWARD:
        return BACKWARD[activation](dA, A)
    return dA * ACTIVATIONS[activation].derivative(layer.Z, A)


def _output_cost_backward(kernels: Kernels) -> Callable[..., tuple[Array, Array]]:
    plain = kernels.output_cost_backward

    def output_cost_backward(
        output: str, Z: Array, Y: Array, scale: float | Array
    ) -> tuple[Array, Array]:
        if output not in COSTS or Z.ndim != 2 or not _like(Y, Z) or not _scales(scale, Z):
            return plain(output, Z, Y, scale)
        return COSTS[output](Z, Y, scale)

    return output_cost_backward


def _softmax_cost(Z: Array, Y: Array, scale: float | Array) -> tuple[Array, Array]:
    log_P = torch.log_softmax(Z, dim=0)
    J = -torch.sum(Y * log_P * scale)
    return J, log_P.exp_().sub_(Y).mul_(scale)


def _sigmoid_cost(Z: Array, Y: Array, scale: float | Array) -> tuple[Array, Array]:
    loss = Z.clamp(min=0.0).sub_(Y * Z).add_(_softplus(-Z.abs())).mul_(scale)
    return torch.sum(loss), torch.sigmoid(Z).sub_(Y).mul_(scale)


COSTS = {"softmax": _softmax_cost, "sigmoid": _sigmoid_cost}
"""``(Z, Y, scale) -> (J, dZ)``."""


def _is_pair(A: Array, B: Array) -> bool:
    """Whether ``A B`` is a product of two floating-point matrices of one dtype."""
    return bool(
        A.ndim == B.ndim == 2
        and A.shape[1] == B.shape[0]
        and A.dtype == B.dtype
        and A.dtype.is_floating_point
    )


def _is_recorded(*arrays: Array | None) -> bool:
    """Whether autograd keeps what is computed of these."""
    requiring = (array is not None and array.requires_grad for array in arrays)
    return torch.is_grad_enabled() and any(requiring)


def _like(array: Array | None, like: Array) -> bool:
    return array is None or bool(array.shape == like.shape and array.dtype == like.dtype)


def _scales(factor: float | Array | None, matrix: Array) -> bool:
    """Whether `factor`, a number or a row of them, leaves a floating-point matrix one."""
    if not isinstance(factor, torch.Tensor):
        return bool(matrix.dtype.is_floating_point)
    return bool(factor.shape[:-1] in ((), (1,)) and factor.dtype == matrix.dtype)
