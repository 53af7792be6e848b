"""The kernels, and the form of `value_and_grad`, that are used when none are asked for."""

from __future__ import annotations

from collections.abc import Callable

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.kernels import VECTORIZED
from xpnet.types import Array, Kernels, Params

__all__ = ["compiled_for", "default_kernels", "kernels_for_one_run"]


def default_kernels(X: Array) -> Kernels:
    """The fastest kernels for arrays of X's library: `VECTORIZED`, fused where that can be had."""
    if not backend.fusing():
        return VECTORIZED
    from xpnet.fused import accelerate

    return accelerate(VECTORIZED, array_namespace(X))


def kernels_for_one_run(X: Array) -> Kernels:
    """The same for one training loop, whose memory is nobody else's."""
    if not backend.fusing():
        return VECTORIZED
    from xpnet.fused import for_one_run

    return for_one_run(VECTORIZED, array_namespace(X))


def compiled_for(
    X: Array, value_and_grad: Callable[..., tuple[Array, Params]]
) -> Callable[..., tuple[Array, Params]]:
    """`value_and_grad`, compiled as a whole where X's library can."""
    if not backend.fusing():
        return value_and_grad
    from xpnet.fused import compiled

    return compiled(value_and_grad, array_namespace(X))
