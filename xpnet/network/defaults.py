"""The kernels, and the form of a training step, that are used when none are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.kernels import LOOPED, VECTORIZED
from xpnet.types import Array, Gather, Kernels, ValueAndGrad

__all__ = [
    "columns_for",
    "compiled_for",
    "default_kernels",
    "kernels_for_one_run",
    "kernels_or_default",
    "value_and_grad_for",
]


def default_kernels(X: Array) -> Kernels:
    """The fastest kernels for arrays of X's library: `VECTORIZED`, fused where that can be had."""
    if not backend.fusing():
        return VECTORIZED
    from xpnet.fused import accelerate

    return accelerate(VECTORIZED, array_namespace(X))


def kernels_or_default(kernels: Kernels | None, X: Array, *, tracked: bool = False) -> Kernels:
    """`kernels`, or where there are none the default ones for X.

    Parameters
    ----------
    kernels : Kernels or None
    X : array
    tracked : bool
        Whether torch's autograd records what they do.

    Raises
    ------
    TypeError
        If they are no record of kernels, or loops over scalars, which autograd cannot follow.
    """
    if kernels is None:
        return default_kernels(X)
    if not isinstance(kernels, Kernels):
        raise TypeError(
            f"kernels is {kernels!r}: expected a record of them, xpnet.VECTORIZED or xpnet.LOOPED"
        )
    if tracked and kernels is LOOPED:
        raise TypeError(
            "kernels is xpnet.LOOPED, which reads one number at a time where autograd cannot "
            "follow: detach() what requires grad, or take xpnet.VECTORIZED"
        )
    return kernels


def kernels_for_one_run(X: Array) -> Kernels:
    """The same for one training loop, whose memory is nobody else's."""
    if not backend.fusing():
        return VECTORIZED
    from xpnet.fused import for_one_run

    return for_one_run(VECTORIZED, array_namespace(X))


def columns_for(X: Array) -> Gather:
    """The fastest way to gather batches of arrays of X's library."""
    if not backend.fusing():
        return backend.gather
    from xpnet.fused import columns

    return columns(backend.gather, array_namespace(X))


def value_and_grad_for(X: Array, plain: ValueAndGrad) -> ValueAndGrad:
    """`plain`, for one network that is asked many times, as one call where X's library can."""
    if not backend.fusing():
        return plain
    from xpnet.fused import value_and_grad

    return value_and_grad(plain, array_namespace(X))


def compiled_for(X: Array, step: Callable[..., Any]) -> Callable[..., Any]:
    """A training `step`, compiled as a whole where X's library can."""
    if not backend.fusing():
        return step
    from xpnet.fused import compiled

    return compiled(step, array_namespace(X))
