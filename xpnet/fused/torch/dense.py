"""The dense layer: bias within the product, activation and derivative over memory of their own."""

from __future__ import annotations

from typing import Any

import torch

from xpnet.fused import like
from xpnet.fused.torch.activations import activated, through_activation
from xpnet.types import Array, Dense, Layer


def dense_activation(
    activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
) -> Any:
    """The entry of that name."""
    if not _is_pair(W, A_prev) or b.shape != (W.shape[0], 1) or b.dtype != W.dtype:
        return NotImplemented
    if _is_recorded(W, b, A_prev, mask):  # What it keeps would be written over.
        return NotImplemented
    Z = torch.addmm(b, W, A_prev)
    return activated(activation, Z, mask) if like(mask, Z) else NotImplemented


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
) -> Any:
    """The entry of that name."""
    if not (
        _is_pair(W, A_prev)
        and _is_pair(dA, A_prev.mT)
        and like(layer.Z, dA)
        and like(layer.A, dA)
        and like(mask, dA)
        and scales(decay, W)
    ):
        return NotImplemented
    dZ = through_activation(activation, dA, layer, mask)
    dW = decayed(torch.mm(dZ, A_prev.T), decay, W)
    db = torch.sum(dZ, dim=1, keepdim=True)
    return Dense(dW, db), torch.mm(W.T, dZ) if need_dA_prev else None


def decayed(dW: Array, decay: float | Array | None, W: Array) -> Array:
    """In place: ``dW + decay W``."""
    if decay is None:
        return dW
    is_array = isinstance(decay, torch.Tensor)
    return dW.addcmul_(decay, W) if is_array else dW.add_(W, alpha=decay)


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


def scales(factor: float | Array | None, matrix: Array) -> bool:
    """Whether `factor`, a number or a row of them, leaves a floating-point matrix one."""
    if not isinstance(factor, torch.Tensor):
        return bool(matrix.dtype.is_floating_point)
    return bool(factor.shape[:-1] in ((), (1,)) and factor.dtype == matrix.dtype)
