"""Kernels for PyTorch tensors: combined operations, in place on memory of their own.

``addmm`` adds the bias within the product, the activation is written over it, torch's own
backward operations join derivative and product, and Adam's step is one multi-tensor operation.
On a 2-core processor this took less time than ``torch.compile`` of the plain kernels, which needs a
C++ compiler and half a minute besides.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch

from xpnet.fused import Accelerator, replaced
from xpnet.fused.arguments import are_dense, are_floats, are_of_step, are_same, like
from xpnet.kernels import ACTIVATIONS
from xpnet.kernels.activations import GELU_CUBIC, GELU_LEAST, GELU_LINEAR, GELU_MOST, MOST
from xpnet.kernels.dense import before_dropout
from xpnet.types import Array, Dense, Kernels, Layer, Params

LONG_AGO = 1e30
"""A step count at which Adam's bias corrections are 1: ours are part of the rate."""

TINY = 1e-24
FLUSH_EVERY = 64
"""Steps in which what is left after a flush, 1e-31 or more, decays to no denormal number of float32
(for a β of 0.8 or more): a flush at each step would take as long as the step."""

IN_PLACE: dict[str, Callable[[Array], Array]] = {
    "identity": lambda Z: Z,
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
"""Activations whose derivative needs only A, which is written over Z."""

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


def dense_activation(
    activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
) -> Any:
    """The entry of that name."""
    if not _is_pair(W, A_prev) or b.shape != (W.shape[0], 1) or b.dtype != W.dtype:
        return NotImplemented
    if _is_recorded(W, b, A_prev, mask):  # What it keeps would be written over.
        return NotImplemented
    Z = torch.addmm(b, W, A_prev)
    if not like(mask, Z):
        return NotImplemented
    if activation in IN_PLACE:
        A = IN_PLACE[activation](Z)
        return Layer(None, A if mask is None else A.mul_(mask))
    A = (OF_Z[activation][0] if activation in OF_Z else ACTIVATIONS[activation].apply)(Z)
    return Layer(Z, A if mask is None else A * mask)


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
        and _scales(decay, W)
    ):
        return NotImplemented
    dZ = _through_activation(activation, dA, layer, mask)
    dW = torch.mm(dZ, A_prev.T)
    if decay is not None:
        is_array = isinstance(decay, torch.Tensor)
        dW = dW.addcmul_(decay, W) if is_array else dW.add_(W, alpha=decay)
    db = torch.sum(dZ, dim=1, keepdim=True)
    return Dense(dW, db), torch.mm(W.T, dZ) if need_dA_prev else None


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


def output_cost_backward(output: str, Z: Array, Y: Array, scale: float | Array) -> Any:
    """The entry of that name."""
    if output not in COSTS or Z.ndim != 2 or not like(Y, Z) or not _scales(scale, Z):
        return NotImplemented
    return COSTS[output](Z, Y, scale)


def _softmax_cost(Z: Array, Y: Array, scale: float | Array) -> tuple[Array, Array]:
    log_P = torch.log_softmax(Z, dim=0)
    J = -torch.sum(Y * log_P * scale)
    return J, log_P.exp_().sub_(Y).mul_(scale)


def _sigmoid_cost(Z: Array, Y: Array, scale: float | Array) -> tuple[Array, Array]:
    loss = Z.clamp(min=0.0).sub_(Y * Z).add_(_softplus(-Z.abs())).mul_(scale)
    return torch.sum(loss), torch.sigmoid(Z).sub_(Y).mul_(scale)


COSTS = {"softmax": _softmax_cost, "sigmoid": _sigmoid_cost}
"""``(Z, Y, scale) -> (J, dZ)``."""


def fused_update(in_place: bool) -> Callable[..., Any]:
    """The entry ``update`` for Adam alone, which is PyTorch's own fused step.

    Parameters
    ----------
    in_place : bool
        Whether the moments that the call before returned are written over.
    """
    returned: tuple[Params, ...] = ()
    calls = itertools.count()

    def update(
        optimizer: str,
        params: Params,
        grads: Params,
        moments: tuple[Params, ...],
        **hyperparameters: Any,
    ) -> Any:
        nonlocal returned
        trees = (params, *moments)
        known = are_same(returned, trees)
        if not (
            optimizer == "adam"
            and are_of_step(optimizer, moments, hyperparameters)
            and are_floats(hyperparameters.values())
            and _all_like(params, (grads,) if known else (grads, *trees))
        ):
            return NotImplemented
        m, v = moments if known else map(_copies, moments)
        new = _copies(params)
        _step(new, grads, m, v, **hyperparameters)
        if not in_place or next(calls) % FLUSH_EVERY == 0:
            _flush(_tensors(m) + _tensors(v))
        returned = (new, m, v) if in_place else ()
        return new, (m, v)

    return update


def _step(
    theta: Params,
    g: Params,
    m: Params,
    v: Params,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    """In place: θ, m and v."""
    tensors = _tensors(theta)
    count = torch.full((), LONG_AGO, device=tensors[0].device)
    torch._fused_adam_(
        tensors,
        [dW.contiguous() for dW in _tensors(g)],
        _tensors(m),
        _tensors(v),
        [],
        [count] * len(tensors),
        lr=rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=0.0,
        amsgrad=False,
        maximize=False,
    )


def _flush(tensors: list[Array]) -> None:
    """In place: rounded to multiples of about 1e-31; see `xpnet.kernels.updates.flushed`."""
    torch._foreach_add_(tensors, TINY)
    torch._foreach_sub_(tensors, TINY)


def _all_like(params: Params, trees: tuple[Params, ...]) -> bool:
    """Whether `trees` have the parameters' shapes and floating dtype; the step checks nothing."""
    if not are_dense(params, *trees):
        return False
    dtype = params[0].W.dtype
    thetas = _tensors(params)
    for tree in trees:
        tensors = _tensors(tree)
        if len(tensors) != len(thetas):
            return False
        for tensor, theta in zip(tensors, thetas, strict=True):
            if tensor.shape != theta.shape or tensor.dtype != dtype:
                return False
    return bool(dtype.is_floating_point)


def _copies(params: Params) -> Params:
    # By hand, as `map_params` would take a microsecond longer, of twenty on a small network.
    return tuple(Dense(_copy(W), _copy(b)) for W, b in params)


def _copy(tensor: Array) -> Array:
    """Contiguous, as the step goes through memory in its order, whatever the strides."""
    return tensor.clone() if tensor.is_contiguous() else tensor.contiguous()


def _tensors(params: Params) -> list[Array]:
    return [tensor for layer in params for tensor in layer]


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


def _scales(factor: float | Array | None, matrix: Array) -> bool:
    """Whether `factor`, a number or a row of them, leaves a floating-point matrix one."""
    if not isinstance(factor, torch.Tensor):
        return bool(matrix.dtype.is_floating_point)
    return bool(factor.shape[:-1] in ((), (1,)) and factor.dtype == matrix.dtype)


def _kernels(kernels: Kernels, in_place: bool = False) -> Kernels:
    return replaced(
        kernels,
        dense_activation=dense_activation,
        activation_dense_backward=activation_dense_backward,
        output_cost_backward=output_cost_backward,
        update=fused_update(in_place),
    )


def _training_kernels(kernels: Kernels) -> Kernels:
    return _kernels(kernels, in_place=True)


ACCELERATOR = Accelerator(kernels=_kernels, training_kernels=_training_kernels)
