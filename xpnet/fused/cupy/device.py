"""CuPy as that driver, on the caller's stream.

A kernel is compiled when it is first launched, and kept on disk by CuPy.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cupy
import numpy as np

from xpnet.fused.cupy.driver import Driver
from xpnet.fused.cupy.source import options, source
from xpnet.types import Array


@cache
def _kernel(name: str, dtype: np.dtype) -> cupy.RawKernel:
    # A module of its own: NVRTC then makes this kernel alone out of the templates.
    module = cupy.RawModule(code=source(), options=options(dtype), name_expressions=(name,))
    return module.get_function(name)


def _launch(
    name: str, dtype: np.dtype, grid: tuple[int, int], block: tuple[int, int], args: tuple[Any, ...]
) -> None:
    _kernel(name, dtype)(grid, block, args)


def _contiguous(array: Array) -> Array:
    return array if array.flags.c_contiguous else cupy.ascontiguousarray(array)


def _address(array: Array) -> int:
    address: int = array.data.ptr
    return address


DRIVER = Driver(_launch, cupy.empty, _contiguous, _address)
