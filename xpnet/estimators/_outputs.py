"""What a network makes of many samples, in chunks whose activations fit any device."""

from __future__ import annotations

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.estimators._rows import blocks, columns_between
from xpnet.kernels.activations import softplus
from xpnet.network import Network, forward
from xpnet.types import Array, Layer, Params

__all__ = ["log_probabilities", "outputs", "rows_at_once"]

CHUNK_BYTES = 2**27
"""Memory for the activations of one chunk."""


def outputs(net: Network, params: Params, X: Array) -> Layer:
    """The last layer's logits and activations for rows X, each ``(n_y, m)``.

    X of another floating dtype is cast to that of `params`, and a sparse X is made dense, by the
    chunk.
    """
    W = params[0].W
    size = rows_at_once(net, W)
    parts = [_chunk(net, params, X, start, stop) for start, stop in blocks(X.shape[0], size)]
    if len(parts) == 1:
        return parts[0]
    concat = array_namespace(W).concat
    return Layer(*(concat(list(arrays), axis=1) for arrays in zip(*parts, strict=True)))


def rows_at_once(net: Network, like: Array) -> int:
    """How many samples' activations, of the dtype of `like`, fit `CHUNK_BYTES`."""
    itemsize = 4 if like.dtype == array_namespace(like).float32 else 8
    return max(1, CHUNK_BYTES // (itemsize * sum(net.sizes)))


def _chunk(net: Network, params: Params, X: Array, start: int, stop: int) -> Layer:
    columns = columns_between(X, start, stop)
    return forward(net, params, backend.asarray(columns, like=params[0].W))[-1]


def log_probabilities(output: str, Z: Array) -> Array:
    """``log A`` of a softmax or sigmoid output from its logits, never from a rounded A."""
    xp = array_namespace(Z)
    if output == "sigmoid":
        return -1.0 * softplus(-1.0 * Z)
    Z = Z - xp.max(Z, axis=0, keepdims=True)
    return Z - xp.log(xp.sum(xp.exp(Z), axis=0, keepdims=True))
