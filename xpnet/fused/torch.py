"""Kernels for torch tensors: operations that join two steps, and in place where memory is fresh.

``addmm`` adds the bias within the product, the activation is taken in place of it, torch's own
backward operations join derivative and product, and Adam's step is one multi-tensor operation.
On a 2-core processor this took less time than ``torch.compile`` of the plain kernels, which needs a
C++ compiler and half a minute besides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from xpnet.kernels import ACTIVATIONS
from xpnet.kernels.dense import before_dropout
from xpnet.types import Array, Dense, Kernels, Layer, Params

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

LONG_AGO = 1e9
"""A step count at which Adam's bias corrections are 1: ours are part of the rate."""


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
        adam=_adam(kernels, one_run),
    )


def _dense_activation(kernels: Kernels) -> Callable[..., Layer]:
    plain = kernels.dense_activation

    def dense_activation(
        activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
    ) -> Layer:
        if not _is_pair(W, A_prev) or b.shape != (W.shape[0], 1) or b.dtype != W.dtype:
            return plain(activation, W, b, A_prev, mask)
        Z = torch.addmm(b, W, A_prev)
        if activation in IN_PLACE:
            A = IN_PLACE[activation](Z)
            return Layer(None, A if mask is None else A.mul_(mask))
        A = ACTIVATIONS[activation].apply(Z)
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
        if not _is_pair(W, A_prev) or not _is_pair(dA, A_prev.mT):
            return plain(
                activation, dA, layer, A_prev, W, mask=mask, decay=decay, need_dA_prev=need_dA_prev
            )
        dZ = _through_activation(activation, dA, layer, mask)
        dW = torch.mm(dZ, A_prev.T)
        if decay is not None:
            dW = dW.add_(W, alpha=decay) if isinstance(decay, float) else dW.addcmul_(decay, W)
        db = torch.sum(dZ, dim=1, keepdim=True)
        return Dense(dW, db), torch.mm(W.T, dZ) if need_dA_prev else None

    return activation_dense_backward


def _through_activation(activation: str, dA: Array, layer: Layer, mask: Array | None) -> Array:
    dA = dA if mask is None else dA * mask
    if activation == "identity":
        return dA
    A = before_dropout(layer.A, mask)
    if activation in BACKWARD:
        return BACKWARD[activation](dA, A)
    return dA * ACTIVATIONS[activation].derivative(layer.Z, A)


def _output_cost_backward(kernels: Kernels) -> Callable[..., tuple[Array, Array]]:
    plain = kernels.output_cost_backward

    def output_cost_backward(
        output: str, Z: Array, Y: Array, scale: float | Array
    ) -> tuple[Array, Array]:
        if output != "softmax" or Z.ndim != 2 or Y.shape != Z.shape:
            return plain(output, Z, Y, scale)
        log_P = torch.log_softmax(Z, dim=0)
        J = -torch.sum(Y * log_P * scale)
        return J, log_P.exp_().sub_(Y).mul_(scale)

    return output_cost_backward


def _adam(kernels: Kernels, one_run: bool) -> Callable[..., Any]:
    mine: list[Params] = []

    def adam(
        params: Params, grads: Params, m: Params, v: Params, *, rate: Any, **settings: float
    ) -> tuple[Params, ...]:
        if not isinstance(rate, float):
            return kernels.adam(params, grads, m, v, rate=rate, **settings)
        if not (one_run and len(mine) == 2 and mine[0] is m and mine[1] is v):
            m, v = _copies(m), _copies(v)
        new = _copies(params)
        count = torch.full((), LONG_AGO, device=new[0].W.device)
        thetas = _tensors(new)
        torch._fused_adam_(
            thetas,
            _tensors(grads),
            _tensors(m),
            _tensors(v),
            [],
            [count] * len(thetas),
            lr=rate,
            beta1=settings["beta1"],
            beta2=settings["beta2"],
            eps=settings["eps"],
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
        )
        mine[:] = m, v
        return new, m, v

    return adam


def _copies(params: Params) -> Params:
    return tuple(Dense(W.clone(), b.clone()) for W, b in params)


def _tensors(params: Params) -> list[Array]:
    return [tensor for layer in params for tensor in layer]


def _is_pair(A: Array, B: Array) -> bool:
    """Whether ``A B`` is a product of two matrices of one dtype."""
    return bool(A.ndim == B.ndim == 2 and A.dtype == B.dtype and A.shape[1] == B.shape[0])
