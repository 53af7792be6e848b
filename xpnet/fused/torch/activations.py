"""Activations and their derivatives, written over what is no longer needed."""

from __future__ import annotations

from collections.abc import Callable

import torch

from xpnet.kernels import ACTIVATIONS
from xpnet.kernels.activations import GELU_CUBIC, GELU_LEAST, GELU_LINEAR, GELU_MOST, MOST
from xpnet.kernels.dense import before_dropout
from xpnet.types import Array, Layer

IN_PLACE: dict[str, Callable[[Array], Array]] = {
    "identity": lambda Z: Z,
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
"""Activations whose derivative needs only A, which is written over Z."""

BACKWARD: dict[str, Callable[[Array, Array, Array], Array]] = {
    "relu": lambda dA, A, to: torch.ops.aten.threshold_backward.grad_input(dA, A, 0, grad_input=to),
    "tanh": lambda dA, A, to: torch.ops.aten.tanh_backward.grad_input(dA, A, grad_input=to),
    "sigmoid": lambda dA, A, to: torch.ops.aten.sigmoid_backward.grad_input(dA, A, grad_input=to),
}
"""``(dA, A, to) -> dZ`` in one pass, written to the third, which may be dA itself."""


def _gelu(Z: Array) -> Array:
    Z = Z.clamp(min=GELU_LEAST)
    return (Z * Z).mul_(GELU_CUBIC).add_(GELU_LINEAR).mul_(Z).sigmoid_().mul_(Z)


def _gelu_backward(dA: Array, Z: Array) -> Array:
    Z = Z.clamp(GELU_LEAST, GELU_MOST)
    C = (Z * Z).mul_(GELU_CUBIC)
    U = torch.add(C, GELU_LINEAR).mul_(Z)
    slope = C.mul_(3.0).add_(GELU_LINEAR).mul_(Z)
    return slope.mul_(torch.sigmoid(-U)).add_(1.0).mul_(U.sigmoid_()).mul_(dA)


def softplus(Z: Array) -> Array:
    """``log(1 + exp(z))``, which is z where rounding says so."""
    return torch.nn.functional.softplus(Z, threshold=MOST)


def _softplus_backward(dA: Array, Z: Array) -> Array:
    return torch.sigmoid(Z).mul_(dA)


def _silu_backward(dA: Array, Z: Array) -> Array:
    # aten's own takes 1 − σ(z), which for large z is rounding alone.
    return torch.sigmoid(-Z).mul_(Z).add_(1.0).mul_(torch.sigmoid(Z)).mul_(dA)


OF_Z: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "gelu": (_gelu, _gelu_backward),
    "silu": (torch.nn.functional.silu, _silu_backward),
    "softplus": (softplus, _softplus_backward),
}
"""Activations whose derivative is made of Z: ``Z -> A`` and ``(dA, Z) -> dZ``."""


def activated(activation: str, Z: Array, mask: Array | None) -> Layer:
    """A layer of these logits, which may be written over."""
    if activation in IN_PLACE:
        A = IN_PLACE[activation](Z)
        return Layer(None, A if mask is None else A.mul_(mask))
    A = (OF_Z[activation][0] if activation in OF_Z else ACTIVATIONS[activation].apply)(Z)
    return Layer(Z, A if mask is None else A * mask)


def through_activation(
    activation: str, dA: Array, layer: Layer, mask: Array | None, to: Array | None = None
) -> Array:
    """dZ, where `to` is memory that may be written to, such as dA's own."""
    dA = dA if mask is None else torch.mul(dA, mask, out=to)
    if activation == "identity":
        return dA
    if activation in OF_Z and layer.Z is not None:
        return OF_Z[activation][1](dA, layer.Z)
    A = before_dropout(layer.A, mask)
    if activation in BACKWARD:
        return BACKWARD[activation](dA, A, torch.empty_like(dA) if to is None else to)
    return dA * ACTIVATIONS[activation].derivative(layer.Z, A)
