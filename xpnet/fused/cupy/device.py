"""CuPy as that driver, on the caller's stream.

A kernel is compiled when it is first launched, and kept on disk by CuPy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import cupy
import numpy as np

from xpnet.fused.cupy.driver import Driver, NoKernelError
from xpnet.fused.cupy.source import options, source
from xpnet.types import Array


@cache
def _kernel(name: str, dtype: np.dtype) -> cupy.RawKernel:
    # A module of its own: NVRTC then makes this kernel alone out of the templates.
    module = cupy.RawModule(code=source(), options=options(dtype), name_expressions=(name,))
    return module.get_function(name)


def started(kernel: tuple[Any, ...], start: Callable[[], object]) -> None:
    """Call `start`, which compiles and launches `kernel`; one that failed is not tried again.

    Raises
    ------
    NoKernelError
        If it fails. There is a warning for the first that does.
    """
    if kernel in _FAILED:
        raise NoKernelError
    try:
        start()
    except Exception as error:  # of the compiler, the driver, CuPy's cache on disk
        if not _FAILED:
            message = f"a CUDA kernel fails, so plain kernels run in place of all that do: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        _FAILED.add(kernel)
        raise NoKernelError from error


_FAILED: set[tuple[Any, ...]] = set()


def _launch(
    name: str, dtype: np.dtype, grid: tuple[int, int], block: tuple[int, int], args: tuple[Any, ...]
) -> None:
    started((name, dtype), lambda: _kernel(name, dtype)(grid, block, args))


def _contiguous(array: Array) -> Array:
    return array if array.flags.c_contiguous else cupy.ascontiguousarray(array)


def _address(array: Array) -> int:
    address: int = array.data.ptr
    return address


DRIVER = Driver(_launch, cupy.empty, _contiguous, _address)
