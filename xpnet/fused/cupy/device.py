"""CuPy as that driver, on the caller's device and stream."""

from __future__ import annotations

import cupy
import numpy as np

from xpnet.fused.cupy.compiler import kernel, started
from xpnet.fused.cupy.driver import Driver, Extent
from xpnet.fused.cupy.network.calls import bound, place
from xpnet.types import Array


def _launch(
    name: str, dtype: np.dtype, grid: Extent, block: Extent, args: tuple[object, ...]
) -> None:
    started((name, dtype), lambda: kernel(name, dtype)(grid, block, args))


def _contiguous(array: Array) -> Array:
    return array if array.flags.c_contiguous else cupy.ascontiguousarray(array)


def _address(array: Array) -> int:
    address: int = array.data.ptr
    return address


DRIVER = Driver(_launch, cupy.empty, _contiguous, _address, place, bound)
