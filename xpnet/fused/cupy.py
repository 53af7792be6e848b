"""CuPy: fused CUDA kernels, on the caller's current stream."""

from __future__ import annotations

from functools import cache
from typing import Any

import cupy
import numpy as np

from xpnet.fused._cuda import Driver, fuse
from xpnet.fused._cuda.source import options, source
from xpnet.fused._cupy_gather import columns
from xpnet.types import Array, Kernels

__all__ = ["DRIVER", "accelerate", "columns", "for_one_run"]


def accelerate(kernels: Kernels) -> Kernels:
    """`kernels` with every entry fused for float32 and float64 arrays of CuPy.

    A kernel is compiled when it is first launched, and kept on disk by CuPy.
    """
    return fuse(kernels, DRIVER)


def for_one_run(kernels: Kernels) -> Kernels:
    """The same for one training loop: an optimiser's moments are then updated in place."""
    return fuse(kernels, DRIVER, one_run=True)


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
