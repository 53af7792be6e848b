"""Kernels as functions: arguments become the bytes that CuPy makes of them, then the grid runs.

The rules are those of ``_pointer`` and ``_launch`` in cupy/cuda/function.pyx, and of ``CScalar`` in
cupy/_core/_scalar.pyx.
"""

from __future__ import annotations

import ctypes
import threading
from itertools import takewhile
from operator import ge
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from cupy._array import ndarray
from cupy.cuda.device import current_device
from cupy.cuda.runtime import CUDARuntimeError
from cupy.cuda.stream import Stream, get_current_stream

# A kernel's index is a variable of the whole library. A stream that goes may end its work here.
_ONE_AT_A_TIME = threading.RLock()
_MOST_THREADS = 1024
_FORWARD = 1  # all threads of a block take turns, as in on_host.hpp

_PYTHONS = {bool: np.bool_, int: np.int64, float: np.float64, complex: np.complex128}


def argument_bytes(argument: Any) -> np.ndarray:
    """What a launch copies of an argument.

    An array of the device becomes its address, whatever its strides. Where it lies is not asked: an
    address of another device is only found illegal by the kernel that reads it.
    """
    if argument is None:
        return np.zeros(1, np.uint64)
    if isinstance(argument, ndarray):
        if argument.device.id != current_device():
            raise CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access")
        return np.asarray([argument.data.ptr], np.uint64)
    if isinstance(argument, np.ndarray):
        if argument.size != 1:
            raise TypeError(
                f"You are trying to pass a numpy.ndarray of shape {argument.shape} as a kernel "
                "parameter. Only numpy.ndarrays of size one can be passed by value."
            )
        return argument.copy()
    if type(argument) in _PYTHONS:
        return np.asarray([argument], _PYTHONS[type(argument)])
    if isinstance(argument, np.generic):
        return np.asarray([argument])
    raise TypeError(f"Unsupported type {type(argument)}")


class Function:
    """Kernel number n of a library that was compiled for the processor."""

    def __init__(self, name: str, library: ctypes.CDLL, n: int) -> None:
        self.name, self.run = name, getattr(library, f"launch_{n}")
        sizes = getattr(library, f"sizes_{n}")
        sizes.restype = ctypes.POINTER(ctypes.c_size_t)
        self.sizes = tuple(takewhile(bool, sizes()))
        self.ptr = id(self)
        FUNCTIONS[self.ptr] = self

    @property
    def kernel(self) -> Function:
        """That of the current device, as of ``RawKernel`` of cupy/_core/raw.pyx."""
        return self

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: Any) -> None:
        grid, block = (tuple(max(1, n) for n in (*extent, 1, 1)[:3]) for extent in (grid, block))
        values = [argument_bytes(argument) for argument in args]
        self._do(grid, block, values, get_current_stream())

    def start(
        self, grid: tuple[int, ...], block: tuple[int, ...], params: int, stream: Stream
    ) -> None:
        """Launch it with what lies now where the addresses at `params` say.

        ``cuLaunchKernel`` of CUDA's driver API: it has copied all when it returns.
        """
        addresses = (ctypes.c_void_p * len(self.sizes)).from_address(params)
        values = [
            np.frombuffer(ctypes.string_at(address, size), np.uint8).copy()
            for address, size in zip(addresses, self.sizes, strict=True)
        ]
        self._do(grid, block, values, stream)

    def _do(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        values: list[np.ndarray],
        stream: Stream,
    ) -> None:
        """Let the stream do it in its turn; a graph keeps the values."""
        self._check(grid, block)
        assert len(values) == len(self.sizes), f"{self.name} takes {len(self.sizes)} arguments"
        room = [value.nbytes for value in values]
        assert all(map(ge, room, self.sizes)), f"{self.name} takes {self.sizes} bytes, not {room}"
        stream.do(self.name, lambda: self._run(grid, block, values))

    def _check(self, grid: tuple[int, ...], block: tuple[int, ...]) -> None:
        if grid[0] >= 2**31 or max(grid[1:]) >= 2**16 or np.prod(block) > _MOST_THREADS:
            raise CUDARuntimeError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        assert grid[2] == block[2] == 1, "the kernels run over two axes on the processor"

    def _run(self, grid: tuple[int, ...], block: tuple[int, ...], values: list[np.ndarray]) -> None:
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        with _ONE_AT_A_TIME:
            failed = self.run(*grid[:2], *block[:2], pointers, _FORWARD)
        assert not failed, "not all threads met at a barrier"


FUNCTIONS: WeakValueDictionary[int, Function] = WeakValueDictionary()
"""Those that there are, by what the driver knows them by."""
