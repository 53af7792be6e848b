"""Forward and backward propagation through the layers, and predictions."""

from __future__ import annotations

from collections.abc import Sequence

from xpnet import backend
from xpnet.network.arguments import Masks, as_floating, check_inputs, check_masks
from xpnet.network.defaults import check_kernels, forward_kernels
from xpnet.network.network import Network
from xpnet.types import LAYER_KINDS, Array, Dense, Kernels, Layer, Params, as_params


def hidden_and_logits(
    net: Network, params: Params, X: Array, kernels: Kernels, masks: Masks
) -> list[Layer]:
    """Every layer's activations, the last one's being its logits; nothing is checked."""
    layers: list[Layer] = []
    A = X
    activations = (*net.activations, "identity")
    for activation, layer, mask in zip(activations, params, _each_mask(params, masks), strict=True):
        layer_forward = LAYER_KINDS[type(layer)].forward(kernels)
        layers.append(layer_forward(activation, *layer, A, mask))
        A = layers[-1].A
    return layers


def layer_gradients(
    net: Network,
    params: Params,
    layers: Sequence[Layer],
    X: Array,
    dA: Array,
    kernels: Kernels,
    decay: float | Array | None,
    masks: Masks,
) -> Params:
    """Gradients from the last layer to the first; the output's dA is its dZ already.

    Nothing is checked.
    """
    activations = (*net.activations, "identity")
    mask = _each_mask(params, masks)
    grads: list[Dense] = []
    for number in reversed(range(len(params))):
        layer_backward = LAYER_KINDS[type(params[number])].backward(kernels)
        dense, dA = layer_backward(
            activations[number],
            dA,
            layers[number],
            layers[number - 1].A if number else X,
            params[number][0],
            mask=mask[number],
            decay=decay,
            need_dA_prev=number > 0,
        )
        grads.append(dense)
    return tuple(reversed(grads))


def _each_mask(params: Params, masks: Masks) -> tuple[Array | None, ...]:
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
        `VECTORIZED` or `LOOPED`, or your own record.
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
        If dtypes, libraries or devices differ, or are neither float32 nor float64.

    Notes
    -----
    Automatic differentiation goes through: of `params`, `X` and `masks` that require grad torch
    records what happens to them, where fused kernels leave it to the ones they replace; on JAX,
    ``jax.grad``, ``jax.vmap`` and ``jax.jit`` take it as any function. At the kink of an
    activation such as relu both take the mean of the slopes, where `xpnet.value_and_grad` takes the
    left one.
    """
    return _forward(net, as_params(params), X, kernels, masks)


def _forward(
    net: Network, params: Params, X: Array, kernels: Kernels | None, masks: Masks
) -> tuple[Layer, ...]:
    check_inputs(net, params, X)
    check_masks(net, params, X, masks)
    if kernels is None:
        kernels = forward_kernels(params[0][0], X)
    check_kernels(kernels, tracked=backend.tracked((params, X, masks)))
    with backend.on_device_of(X):
        return unchecked_forward(net, params, X, kernels, masks)


def unchecked_forward(
    net: Network, params: Params, X: Array, kernels: Kernels, masks: Masks = None
) -> tuple[Layer, ...]:
    """`forward` for arguments that are checked, on the current device."""
    *hidden, last = hidden_and_logits(net, params, X, kernels, masks)
    return (*hidden, Layer(last.A, kernels.output_activation(net.output, last.A)))


def predict(net: Network, params: Params, X: Array, *, kernels: Kernels | None = None) -> Array:
    """What the network's output makes of X: probabilities, means or margins.

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
        Differentiable where `forward` is.

    Raises
    ------
    ValueError, TypeError
        As `forward`.
    """
    params = as_params(params)
    return _forward(net, params, as_floating(X, params), kernels, None)[-1].A
