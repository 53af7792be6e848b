"""Devices of the CUDA kernels in tests: the processor in several ways, and a GPU if any."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fused.cupy.compiling import KERNELS
from tests.standin.place import device_answers
from xpnet.fused.cupy import Driver, fuse
from xpnet.fused.cupy.driver import Launch, lies
from xpnet.fused.cupy.source import MOST_THREADS
from xpnet.kernels import VECTORIZED
from xpnet.types import Array, Kernels

ORDERS = {"alone": 0, "forward": 1, "backward": 2}  # as in on_host.hpp
MARGIN = 64  # entries on either side of an array, in which a kernel must not write
UNWRITTEN = {np.dtype("int32"): -77}
"""What these hold where others hold NaN."""

MOST_ARGUMENT_BYTES = 4096  # of a kernel's arguments together, on every device


DEVICES = (*ORDERS, *(("gpu",) if device_answers() else ()))


class HostDevice:
    """The kernels on the processor, for NumPy arrays; it checks what a device would only suffer."""

    def __init__(self, libraries: dict[np.dtype, ctypes.CDLL], order: str) -> None:
        self.libraries, self.order = libraries, ORDERS[order]
        self.launches: list[str] = []
        self.buffers: list[np.ndarray] = []
        self.driver = Driver(
            self.launch, self.empty, np.ascontiguousarray, self.address, tuple, self.bound
        )
        self.kernels: Kernels = fuse(VECTORIZED, self.driver)

    def asarray(self, values: Any, dtype: Any) -> np.ndarray:
        """A copy between margins of NaN, which shows up in results if a kernel reads it."""
        values = np.asarray(values)
        array = self.empty(values.shape, dtype)
        array[...] = values
        return array

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        size = int(np.prod(shape))
        buffer = np.full(size + 2 * MARGIN, UNWRITTEN.get(np.dtype(dtype), np.nan), dtype)
        self.buffers.append(buffer)
        return buffer[MARGIN : MARGIN + size].reshape(shape)

    def address(self, array: np.ndarray) -> int:
        return array.ctypes.data

    def launch(
        self, name: str, dtype: np.dtype, grid: tuple[int, int], block: tuple[int, int], args: Any
    ) -> None:
        assert 1 <= grid[0] < 2**31
        assert 1 <= grid[1] < 2**16
        threads = block[0] * block[1]
        assert threads <= MOST_THREADS
        assert threads & (threads - 1) == 0
        values = [self.value(argument, dtype) for argument in args]
        assert sum(value.nbytes for value in values) <= MOST_ARGUMENT_BYTES
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        run = getattr(self.libraries[dtype], f"launch_{KERNELS.index(name)}")
        assert run(*grid, *block, pointers, self.order) == 0, "not all threads met at a barrier"
        self.launches.append(name)

    def bound(self, instructions: Any, dtype: np.dtype, moving: Any) -> Callable[..., None]:
        def run(*arrays: Any) -> None:
            now = {id(before): array for before, array in zip(moving, arrays, strict=True)}
            for instruction in instructions:
                if isinstance(instruction, Launch):
                    args = tuple(now.get(id(a), a) for a in instruction.args)
                    self.launch(instruction.name, dtype, *instruction[1:3], args)
                else:
                    left, right, out = (now.get(id(a), a) for a in instruction[:3])
                    self.multiply(left, right, out, *instruction[3:])

        return run

    def multiply(self, left: Any, right: Any, out: Any, *transposed: bool) -> None:
        assert out.flags.c_contiguous
        assert None not in (lies(left), lies(right))
        left, right = (
            array.swapaxes(-1, -2) if turned else array
            for array, turned in zip((left, right), transposed, strict=True)
        )
        np.matmul(left, right, out=out)

    def value(self, argument: Any, dtype: np.dtype) -> np.ndarray:
        """What a launch copies of an argument, by the rules that CuPy has too."""
        if argument is None:
            return np.zeros(1, np.uint64)
        if isinstance(argument, int):
            return np.asarray([argument], np.int64)
        if isinstance(argument, np.generic):
            assert argument.dtype == dtype
            return np.asarray([argument])
        if argument.dtype.kind == "V":
            assert argument.size == 1, "CuPy passes a structure by value only as one entry"
            return argument
        assert argument.dtype in (dtype, np.int32)
        return np.asarray([self.driver.address(argument)], np.uint64)

    def __enter__(self) -> HostDevice:
        return self

    def __exit__(self, *exception: object) -> None:
        for buffer in self.buffers:
            unwritten = UNWRITTEN.get(buffer.dtype, np.nan)
            for margin, where in ((buffer[:MARGIN], "before"), (buffer[-MARGIN:], "behind")):
                same = np.array_equal(margin, np.full(MARGIN, unwritten), equal_nan=True)
                assert same, f"a kernel wrote {where} an array"


class CudaDevice:
    """The kernels on the device that CuPy finds."""

    def __init__(self) -> None:
        import cupy

        from xpnet.fused.cupy import device as fused

        self.xp, self.driver = cupy, fused.DRIVER._replace(launch=self.launch)
        self.kernels: Kernels = fuse(VECTORIZED, self.driver)
        self.launches: list[str] = []
        self.launch_there = fused.DRIVER.launch

    def launch(self, name: str, *rest: Any) -> None:
        self.launch_there(name, *rest)
        self.launches.append(name)

    def asarray(self, values: Any, dtype: Any) -> Array:
        return self.xp.asarray(values, dtype)

    def to_numpy(self, array: Array) -> np.ndarray:
        return self.xp.asnumpy(array)

    def __enter__(self) -> CudaDevice:
        # An array's memory is then its own: compute-sanitizer finds what goes beyond its end.
        self.unpooled = self.xp.cuda.using_allocator()
        self.unpooled.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.unpooled.__exit__(*exception)
