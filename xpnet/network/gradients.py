"""Cost and gradients: the cost of a batch, and its derivative by the parameters.

With sample weights s and ``S = Σ s`` over the batch (``S = m`` without)::

    J = (1/S) Σ s · loss + (λ / 2S) Σ_l ‖W[l]‖²       dZ[L] = (s/S) loss'(Z[L])
    dZ[l] = dA[l] * g_l'(Z[l])                        dA[l−1] = W[l]ᵀ dZ[l]
    dW[l] = dZ[l] A[l−1]ᵀ + (λ/S) W[l]                db[l] = Σ_columns dZ[l]

The loss and its slope are the output's, such as ``A[L] − Y`` for cross-entropy. ``S = 0``, a batch
that holds nothing of a fold, gives cost 0 and zero gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.network.arguments import Masks, beside, check_batch, check_masks
from xpnet.network.checks import check_layers
from xpnet.network.defaults import default_kernels, kernels_or_default
from xpnet.network.network import Network
from xpnet.network.propagation import hidden_and_logits, layer_gradients
from xpnet.types import LAYER_KINDS, Array, Kernels, Layer, Params, as_params

MANY, SUMMED = 2**17, 1024
"""Weights from which on they are added up in parts, and how many are a part."""


def cost(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
) -> Array:
    """The cost J of `params` on ``(X, Y)``.

    Parameters
    ----------
    net, params, X, Y, kernels, sample_weight, l2
        As in `value_and_grad`.

    Returns
    -------
    array, shape (...)
        0-dimensional for one network. Where torch's tensors require grad it can be differentiated,
        as what `xpnet.forward` returns.

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`.
    """
    params = as_params(params)
    check_batch(net, params, X, Y, sample_weight, l2=l2)
    tracked = backend.tracked((params, X, Y, sample_weight, l2))
    kernels = kernels_or_default(kernels, X, tracked=tracked)
    with backend.on_device_of(X):
        return unchecked_cost(
            net, params, X, Y, kernels=kernels, sample_weight=sample_weight, l2=l2
        )


def unchecked_cost(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    kernels: Kernels,
    sample_weight: Array | None,
    l2: float | Array,
) -> Array:
    """`cost` for whoever has checked its arguments."""
    scale = scale_of(Y, sample_weight, l2)
    Z = hidden_and_logits(net, params, X, kernels, None)[-1].A
    return with_penalty(kernels.output_cost(net.output, Z, Y, scale.samples), params, scale)


def backward(
    net: Network,
    params: Params,
    layers: Sequence[Layer],
    X: Array,
    Y: Array,
    *,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    masks: Masks = None,
) -> Params:
    """The gradients of J, from the `layers` that `forward` gave.

    Parameters
    ----------
    layers : sequence of Layer
        What ``forward(net, params, X, masks=masks)`` returned.
    net, params, X, Y, kernels, sample_weight, l2, masks
        As in `value_and_grad`.

    Returns
    -------
    Params
        ``dW`` and ``db`` of each layer, shaped like ``W`` and ``b``; detached, as those of
        `value_and_grad`.

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`.
    """
    params = as_params(params)
    check_batch(net, params, X, Y, sample_weight, l2=l2)
    check_masks(net, params, X, masks)
    check_layers(net.sizes, X, layers)
    kernels = kernels_or_default(kernels, X)
    given = params, tuple(layers), X, Y, sample_weight, l2, masks and tuple(masks)
    params, layers, X, Y, sample_weight, l2, masks = backend.detached(given)
    with backend.on_device_of(X):
        scale = scale_of(Y, sample_weight, l2)
        _, dZ = kernels.output_cost_backward(net.output, layers[-1].Z, Y, scale.samples)
        return layer_gradients(net, params, layers, X, dZ, kernels, scale.decay, masks)


def value_and_grad(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    masks: Masks = None,
) -> tuple[Array, Params]:
    """The cost J and its gradients, in one pass forward and one back.

    Parameters
    ----------
    net : Network
    params : Params
        ``W (..., n_l, n_{l-1})``, ``b (..., n_l, 1)``; with leading axes ``(K,)``, K networks.
    X : array, shape (..., n_x, m)
        Samples as columns, in the library, on the device and in the dtype of `params`.
    Y : array, shape (..., n_y, m)
        Targets in the range of the network's output; labels as one-hot columns. Those of
        ``softmax`` sum to 1.
    kernels : Kernels, optional
        `VECTORIZED`, `LOOPED` or your own record; the fastest for X's library by default.
    sample_weight : array, shape (..., 1, m), optional
        Non-negative weights; a stack may weigh the samples differently for each of its networks.
    l2 : float or array of shape (..., 1, 1), default 0
        λ of the penalty ``(λ / 2S) Σ ‖W‖²``; biases are not penalised.
    masks : tuple of arrays or None, optional
        Inverted dropout of each hidden layer, ``(..., n_l, m)``: 0, or ``1 / (1 − rate)``.

    Returns
    -------
    cost : array, shape (...)
        On the device of X; reading it as a number waits for the device.
    grads : Params
        ``dW`` and ``db`` of each layer. Torch tensors that require grad are read detached, and
        so are cost and gradients: to differentiate the cost by autograd, use `xpnet.cost`.

    Raises
    ------
    ValueError
        If a shape does not fit; the message names the layer, what came and what was expected. If
        targets, weights or `l2` are out of range, where they lie on the host.
    TypeError
        If dtypes, libraries or devices differ, or are neither float32 nor float64.
    """
    params = as_params(params)
    check_batch(net, params, X, Y, sample_weight, l2=l2)
    check_masks(net, params, X, masks)
    kernels = kernels_or_default(kernels, X)
    given = params, X, Y, sample_weight, l2, masks and tuple(masks)
    params, X, Y, sample_weight, l2, masks = backend.detached(given)
    with backend.on_device_of(X):
        return unchecked_value_and_grad(
            net, params, X, Y, kernels=kernels, sample_weight=sample_weight, l2=l2, masks=masks
        )


def unchecked_value_and_grad(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    masks: Masks = None,
    loss_share: float = 1.0,
) -> tuple[Array, Params]:
    """`value_and_grad` for loops that have checked once what they pass many times.

    `loss_share` is a factor of the samples' losses in the cost; the gradients do not have it.
    """
    kernels = kernels or default_kernels(X)
    scale = scale_of(Y, sample_weight, l2)
    layers = hidden_and_logits(net, params, X, kernels, masks)
    J, dZ = kernels.output_cost_backward(net.output, layers[-1].A, Y, scale.samples)
    grads = layer_gradients(net, params, layers, X, dZ, kernels, scale.decay, masks)
    return with_penalty(J if loss_share == 1.0 else loss_share * J, params, scale), grads


class Scale(NamedTuple):
    """What each sample and the penalty are multiplied by."""

    samples: Any  # 1/m, or s/S of shape (..., 1, m)
    decay: Any  # λ/S, () or (..., 1, 1); None without a penalty


def scale_of(Y: Array, sample_weight: Array | None, l2: float | Array) -> Scale:
    """The scale of a batch; that of one without any weight is 0."""
    l2 = beside(l2, Y)
    one = inverse(total_weight(Y.shape[-1], sample_weight))
    samples = one if sample_weight is None else sample_weight * one
    return Scale(samples, None if isinstance(l2, float) and l2 == 0.0 else l2 * one)


def total_weight(m: int, sample_weight: Array | None) -> int | Array:
    """S: the number of samples, or the sum of their weights, (..., 1, 1).

    Of many it is the sum of short sums: in a single one of a million float32, as NumPy 2.2 makes
    it, roundings add up.
    """
    if sample_weight is None:
        return m
    xp = array_namespace(sample_weight)
    whole = m // SUMMED * SUMMED
    if whole < MANY:
        return xp.sum(sample_weight, axis=-1, keepdims=True)
    parts = xp.reshape(sample_weight[..., :whole], (*sample_weight.shape[:-1], -1, SUMMED))
    rest = xp.sum(sample_weight[..., whole:], axis=-1, keepdims=True)
    return xp.sum(xp.sum(parts, axis=-1), axis=-1, keepdims=True) + rest


def inverse(S: int | Array) -> float | Array:
    """``1 / S``; 0 where S is."""
    if isinstance(S, int):
        return 1.0 / S if S else 0.0
    where = array_namespace(S).where
    return where(S > 0, 1.0 / where(S > 0, S, 1.0), 0.0)


def with_penalty(J: Array, params: Params, scale: Scale) -> Array:
    """``J + (λ / 2S) Σ_l ‖W[l]‖²``, of the fields that decay."""
    if scale.decay is None:
        return J
    decayed = [
        getattr(layer, field) for layer in params for field in LAYER_KINDS[type(layer)].decayed
    ]
    xp = array_namespace(J, decayed[0])
    squares = sum(xp.sum(xp.vecdot(W, W, axis=_inner(W)), axis=-1) for W in decayed)
    decay = scale.decay
    if getattr(decay, "ndim", 0):
        decay = decay[..., 0, 0]
        # Of huge weights they are infinite, and times the λ = 0 of a member that has none, NaN.
        squares = xp.where((decay == 0) & xp.isinf(squares), 0.0, squares)
    return J + 0.5 * decay * squares


def _inner(W: Array) -> int:
    """The axis along which W lies in memory: the other one in Fortran order, as a sparse X has it.

    Along the wrong one, NumPy's sum takes ten times as long.
    """
    return -2 if getattr(getattr(W, "flags", None), "fnc", False) else -1
