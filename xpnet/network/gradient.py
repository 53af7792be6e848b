"""Cost and backward: what a network's answers cost, and the derivative of that by its parameters.

With sample weights s and ``S = Σ s`` over the batch (``S = m`` without)::

    J = (1/S) Σ s · loss + (λ / 2S) Σ_l ‖W[l]‖²       dZ[L] = (s/S) (A[L] − Y)
    dZ[l] = dA[l] * g_l'(Z[l])                        dA[l−1] = W[l]ᵀ dZ[l]
    dW[l] = dZ[l] A[l−1]ᵀ + (λ/S) W[l]                db[l] = Σ_columns dZ[l]

``S = 0``, a batch that holds nothing of a fold, gives cost 0 and zero gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.kernels import _check
from xpnet.network.defaults import default_kernels
from xpnet.network.propagate import (
    Masks,
    checked_inputs,
    each_mask,
    hidden_and_logits,
)
from xpnet.network.record import Network
from xpnet.types import Array, Dense, Kernels, Layer, Params

__all__ = [
    "backward",
    "check_batch",
    "cost",
    "unchecked_value_and_grad",
    "unpromoting",
    "value_and_grad",
]


class _Scale(NamedTuple):
    """What each sample and the penalty are multiplied by."""

    samples: Any  # 1/m, or s/S of shape (..., 1, m)
    decay: Any  # λ/S, () or (..., 1, 1); None without a penalty


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
        0-dimensional for one network.

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`.
    """
    params, X, Y, sample_weight = check_batch(net, params, X, Y, sample_weight)
    kernels = kernels or default_kernels(X)
    with backend.on_device_of(X):
        scale = _scale(X, sample_weight, l2)
        Z = hidden_and_logits(net, params, X, kernels, None)[-1].A
        return _with_penalty(kernels.output_cost(net.output, Z, Y, scale.samples), params, scale)


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
        ``dW`` and ``db`` of each layer, shaped like ``W`` and ``b``.

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`.
    """
    params, X, Y, sample_weight = check_batch(net, params, X, Y, sample_weight)
    _check.check_masks(net.sizes, masks)
    kernels = kernels or default_kernels(X)
    with backend.on_device_of(X):
        scale = _scale(X, sample_weight, l2)
        _, dZ = kernels.output_cost_backward(net.output, layers[-1].Z, Y, scale.samples)
        return _backward(net, params, layers, X, dZ, kernels, scale.decay, masks)


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
        Targets; labels as one-hot columns.
    kernels : Kernels, optional
        `VECTORIZED`, `LOOPED` or a record of one's own; the fastest for X's library by default.
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
        ``dW`` and ``db`` of each layer.

    Raises
    ------
    ValueError
        If a shape does not fit; the message names the layer, what came and what was expected.
    TypeError
        If dtypes, libraries or devices differ, or are no floating-point ones.
    """
    params, X, Y, sample_weight = check_batch(net, params, X, Y, sample_weight)
    _check.check_masks(net.sizes, masks)
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
) -> tuple[Array, Params]:
    """`value_and_grad` for loops that have checked once what they pass many times."""
    kernels = kernels or default_kernels(X)
    scale = _scale(X, sample_weight, l2)
    layers = hidden_and_logits(net, params, X, kernels, masks)
    J, dZ = kernels.output_cost_backward(net.output, layers[-1].A, Y, scale.samples)
    grads = _backward(net, params, layers, X, dZ, kernels, scale.decay, masks)
    return _with_penalty(J, params, scale), grads


def _backward(
    net: Network,
    params: Params,
    layers: Sequence[Layer],
    X: Array,
    dA: Array,
    kernels: Kernels,
    decay: float | Array | None,
    masks: Masks,
) -> Params:
    """Gradients from the last layer to the first; the output's dA is its dZ already."""
    activations = (*net.activations, "identity")
    mask = each_mask(params, masks)
    grads: list[Dense] = []
    for number in reversed(range(len(params))):
        dense, dA = kernels.activation_dense_backward(
            activations[number],
            dA,
            layers[number],
            layers[number - 1].A if number else X,
            params[number].W,
            mask=mask[number],
            decay=decay,
            need_dA_prev=number > 0,
        )
        grads.append(dense)
    return tuple(reversed(grads))


def _scale(X: Array, sample_weight: Array | None, l2: float | Array) -> _Scale:
    l2 = unpromoting(l2)
    penalised = not (isinstance(l2, float) and l2 == 0.0)
    if sample_weight is None:
        inverse: float | Array = 1.0 / X.shape[-1] if X.shape[-1] else 0.0
        return _Scale(inverse, l2 * inverse if penalised else None)
    xp = array_namespace(sample_weight)
    S = xp.sum(sample_weight, axis=-1, keepdims=True)
    inverse = xp.where(S > 0, 1.0 / xp.where(S > 0, S, 1.0), 0.0)
    return _Scale(sample_weight * inverse, l2 * inverse if penalised else None)


def unpromoting(l2: float | Array) -> float | Array:
    """`l2`, as a Python float where it is a NumPy scalar, which would promote float32."""
    if type(l2) is float or not isinstance(l2, Real):
        return l2
    return float(l2)


def _with_penalty(J: Array, params: Params, scale: _Scale) -> Array:
    """``J + (λ / 2S) Σ_l ‖W[l]‖²``."""
    if scale.decay is None:
        return J
    xp = array_namespace(J, params[0].W)
    squares = sum(xp.sum(xp.vecdot(W, W), axis=-1) for W, _ in params)
    decay = scale.decay[..., 0, 0] if getattr(scale.decay, "ndim", 0) else scale.decay
    return J + 0.5 * decay * squares


def check_batch(
    net: Network, params: Params, X: Array, Y: Array, sample_weight: Array | None
) -> tuple[Params, Array, Array, Array | None]:
    """The arguments, detached, after every check of shape, dtype and place."""
    backend.check_together(params=params, X=X, Y=Y, sample_weight=sample_weight)
    params, X = checked_inputs(net, params, X)
    _check.check_targets(net.sizes, X, Y, sample_weight)
    Y, sample_weight = backend.detached((Y, sample_weight))
    return params, X, Y, sample_weight
