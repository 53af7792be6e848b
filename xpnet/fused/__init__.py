"""Fusion as a record update: kernels with some entries replaced by ones made for one library.

Each replaced entry closes over the one it replaces and hands it every case it does not take.
Deleting this folder changes nothing but speed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TypeAlias, TypeVar

from xpnet.fused._interrupts import held
from xpnet.types import Array, Gather, Kernels, Params, ValueAndGrad

__all__ = [
    "ACCELERATORS",
    "accelerate",
    "accelerator",
    "columns",
    "compiled",
    "for_one_run",
    "value_and_grad",
]

TrainingStep: TypeAlias = Callable[..., tuple[Params, tuple[Params, ...], Array]]
Made = TypeVar("Made", Kernels, TrainingStep, Gather, ValueAndGrad)

ACCELERATORS = {"numpy": "numba", "cupy": "cupy", "jax": "jax", "torch": "torch"}
"""The package whose compiler fuses the kernels of each array library."""


def accelerator(xp: ModuleType) -> str | None:
    """The package that fuses kernels for `xp`, or None where there is none that works.

    Parameters
    ----------
    xp : module
        An Array API namespace, as `array_api_compat.array_namespace` gives it.
    """
    library = xp.__name__.removeprefix("array_api_compat.").partition(".")[0]
    package = ACCELERATORS.get(library)
    return package if package and find_spec(package) and _maker(package) else None


def accelerate(kernels: Kernels, xp: ModuleType) -> Kernels:
    """`kernels` with the entries replaced that run faster fused on the arrays of `xp`.

    Parameters
    ----------
    kernels : Kernels
        Usually `xpnet.VECTORIZED`.
    xp : module
        An Array API namespace, as `array_api_compat.array_namespace` gives it.

    Returns
    -------
    Kernels
        The same record where nothing is fused for `xp`, or its compiler is not installed.

    Examples
    --------
    >>> import numpy
    >>> import xpnet
    >>> fast = xpnet.accelerate(xpnet.VECTORIZED, numpy)

    Raises
    ------
    TypeError
        If `kernels` is no record of kernels, or `xp` no module.
    """
    if not isinstance(kernels, Kernels):
        raise TypeError(
            f"kernels is a {type(kernels).__name__}: expected a record, such as xpnet.VECTORIZED"
        )
    if not isinstance(xp, ModuleType):
        raise TypeError(
            f"xp is a {type(xp).__name__}: expected the module of an array library, such as numpy"
        )
    return _accelerated(kernels, xp)


@cache
def _accelerated(kernels: Kernels, xp: ModuleType) -> Kernels:
    return _made_for(xp, "accelerate", kernels)


def for_one_run(kernels: Kernels, xp: ModuleType) -> Kernels:
    """`accelerate`, for one training loop that gives each call what the one before returned.

    What an optimiser remembers is then nobody else's, and is updated in place.
    """
    return _made_for(xp, "for_one_run", kernels)


def compiled(step: TrainingStep, xp: ModuleType) -> TrainingStep:
    """A whole training step as one program where the library can; the same signature in and out.

    Parameters
    ----------
    step : function
        ``step(net, params, moments, X, Y, hyperparameters, *, kernels, apply, sample_weight, l2,
        masks) -> (params, moments, cost)``. Its next call may write over these moments.
    """
    return _made_for(xp, "compiled", step)


def columns(plain: Gather, xp: ModuleType) -> Gather:
    """`plain`, which gathers a batch, in one program or launch where the library can."""
    return _made_for(xp, "columns", plain)


def value_and_grad(plain: ValueAndGrad, xp: ModuleType) -> ValueAndGrad:
    """`plain`, the cost and gradients, as one compiled call where the library can.

    It is for one network and one thread, and computes without the kernels it is given.
    """
    return _made_for(xp, "value_and_grad", plain)


def _made_for(xp: ModuleType, what: str, original: Made) -> Made:
    """What the accelerator of `xp` makes of `original`; `original` if it makes nothing."""
    package = accelerator(xp)
    if package is None:
        return original
    make: Callable[[Made], Made] | None = getattr(_maker(package), what, None)
    return original if make is None else make(original)


@cache
def _maker(package: str) -> ModuleType | None:
    """The module that fuses with `package`; None, with a warning, where that does not load."""
    try:
        with held():  # or half a module would be there for good
            return import_module(f"xpnet.fused.{package}")
    except ImportError as error:
        # As when numba has not caught up with a release of NumPy: slower is better than stopped.
        message = f"{package} is installed but does not load, so kernels are not fused: {error}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return None
