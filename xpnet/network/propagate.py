"""Forward: from inputs to activations, and to predictions."""

from __future__ import annotations

from typing import TypeAlias

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.kernels import _check
from xpnet.network.defaults import default_kernels
from xpnet.network.record import Network
from xpnet.types import Array, Kernels, Layer, Params

__all__ = [
    "Masks",
    "as_floating",
    "checked_inputs",
    "each_mask",
    "forward",
    "hidden_and_logits",
    "predict",
]

Masks: TypeAlias = tuple[Array | None, ...] | None


def hidden_and_logits(
    net: Network, params: Params, X: Array, kernels: Kernels, masks: Masks
) -> list[Layer]:
    """Every layer's activations, the last one's being its logits; nothing is checked."""
    layers: list[Layer] = []
    A = X
    activations = (*net.activations, "identity")
    for activation, (W, b), mask in zip(activations, params, each_mask(params, masks), strict=True):
        layers.append(kernels.dense_activation(activation, W, b, A, mask))
        A = layers[-1].A
    return layers


def each_mask(params: Params, masks: Masks) -> tuple[Array | None, ...]:
    """A mask, or None, for every layer; the output layer has none."""
    return (None,) * len(params) if masks is None else (*masks, None)


def forward(
    net: Network,
    params: Params,
    X: Array,
    *,
    kernels: Kernels | None = None,
    masks: Masks = None,
) -> tuple[Layer, ...]:
    """Logits and activations of every layer: ``Z[l] = W[l] A[l−1] + b[l]``, ``A[l] = g_l(Z[l])``.

    Parameters
    ----------
    net : Network
    params : Params
        ``W (..., n_l, n_{l-1})``, ``b (..., n_l, 1)`` of each layer.
    X : array, shape (..., n_x, m)
        Samples as columns, in the library, on the device and in the dtype of `params`.
    kernels : Kernels, optional
        `VECTORIZED` or `LOOPED`, or a record of one's own.
    masks : tuple of arrays or None, optional
        Inverted dropout of each hidden layer, ``(..., n_l, m)``: 0, or ``1 / (1 − rate)``.

    Returns
    -------
    tuple of Layer
        ``Z`` and ``A`` of each layer, ``(..., n_l, m)``. A kernel may leave `Z` out of a hidden
        layer whose derivative needs only `A`.

    Raises
    ------
    ValueError
        If a shape does not fit.
    TypeError
        If dtypes, libraries or devices differ, or are no floating-point ones.
    """
    params, X = checked_inputs(net, params, X)
    _check.check_masks(net.sizes, masks)
    kernels = kernels or default_kernels(X)
    with backend.on_device_of(X):
        *hidden, last = hidden_and_logits(net, params, X, kernels, masks)
        return (*hidden, Layer(last.A, kernels.output_activation(net.output, last.A)))


def predict(net: Network, params: Params, X: Array, *, kernels: Kernels | None = None) -> Array:
    """What the network makes of X: probabilities, or means for ``identity`` and ``exp``.

    Parameters
    ----------
    net : Network
    params : Params
    X : array, shape (..., n_x, m)
        Samples as columns. Integers are cast to the dtype of `params`.
    kernels : Kernels, optional

    Returns
    -------
    array, shape (..., n_y, m)

    Raises
    ------
    ValueError, TypeError
        As `forward`.
    """
    return forward(net, params, as_floating(X, params), kernels=kernels)[-1].A


def as_floating(X: Array, params: Params) -> Array:
    """X, cast to the dtype of `params` where it holds integers or booleans."""
    try:
        xp = array_namespace(X, params[0].W)
    except TypeError:
        return X  # no array, or of another library: the checks that follow say so by name
    return X if xp.isdtype(X.dtype, "real floating") else xp.astype(X, params[0].W.dtype)


def checked_inputs(net: Network, params: Params, X: Array) -> tuple[Params, Array]:
    """`params` and `X`, detached, after every check of shape, dtype and place."""
    backend.check_together(params=params, X=X)
    _check.check_params(net.sizes, params)
    _check.check_inputs(net.sizes, params, X)
    detached: tuple[Params, Array] = backend.detached((params, X))
    return detached
