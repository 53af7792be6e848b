"""Compilation of CUDA kernels by CuPy, and those that fail.

A kernel is compiled when it is first asked for, and kept on disk by CuPy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import cupy
import numpy as np

from xpnet.fused.cupy.driver import NoKernelError
from xpnet.fused.cupy.source import options, source


@cache
def kernel(name: str, dtype: np.dtype) -> cupy.RawKernel:
    """A kernel by name, which is compiled for a device when it is first started there."""
    # A module of its own: NVRTC then makes this kernel alone out of the templates.
    module = cupy.RawModule(code=source(), options=options(dtype), name_expressions=(name,))
    return module.get_function(name)


def started(named: tuple[Any, ...], start: Callable[[], Any]) -> Any:
    """What `start` returns, which compiles or starts the kernel that is so named.

    One that failed is not tried again.

    Raises
    ------
    NoKernelError
        If it fails. There is a warning for the first that does.
    """
    if named in FAILED:
        raise NoKernelError
    try:
        return start()
    except Exception as error:  # of the compiler, the driver, CuPy's cache on disk
        if not FAILED:
            message = f"a CUDA kernel fails, so plain kernels run in place of all that do: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        FAILED.add(named)
        raise NoKernelError from error


FAILED: set[tuple[Any, ...]] = set()
