"""Adapter of CuPy: CUDA devices, and uploads that overlap with computation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from typing import Any

import array_api_compat.cupy as xp
import cupy
import numpy as np

from xpnet.backend.adapters import Adapter
from xpnet.backend.selection import tf32

_TF32 = tf32()
_TF32_TENSOR_OP_MATH = 3  # as cublas_api.h numbers it; CuPy has no name for it


def _devices() -> dict[str, Any]:
    # Without a driver the import succeeds and the first array fails, but this question never does.
    if not cupy.cuda.is_available():
        return {}
    count = cupy.cuda.runtime.getDeviceCount()
    return {f"cuda:{index}": cupy.cuda.Device(index) for index in range(count)}


def _from_numpy(host: np.ndarray[Any, Any], device: Any) -> Any:
    with device:
        return cupy.asarray(host)


def _synchronize(array: Any) -> None:
    with array.device:
        cupy.cuda.get_current_stream().synchronize()


def _on_device(array: Any) -> AbstractContextManager[Any]:
    # CuPy computes on the current device, wherever its operands lie.
    device: AbstractContextManager[Any] = array.device
    if _TF32:
        _multiply_in_tf32(device)
    return device


def _free_memory(array: Any) -> int:
    with array.device:
        free, _ = cupy.cuda.runtime.memGetInfo()
        # What CuPy keeps for arrays to come is not free for others.
        return int(free + cupy.get_default_memory_pool().free_bytes())


def _multiply_in_tf32(device: AbstractContextManager[Any]) -> None:
    """Let this thread round the factors of float32 products there, of matrices and of stacks."""
    products = cupy._core._routines_linalg
    with device:
        # What the variable CUPY_TF32 sets, which CuPy reads once, at its first product.
        products.set_compute_type("float32", products.COMPUTE_TYPE_TF32)
        # CuPy multiplies stacks in the mode of the handle, whatever is set.
        cupy.cuda.cublas.setMathMode(cupy.cuda.device.get_cublas_handle(), _TF32_TENSOR_OP_MATH)


def _pinned_upload(device: Any, dtype: str) -> Callable[..., Callable[[], tuple[Any, ...]]]:
    """Return the ``upload(arrays, rows)`` of `backend.uploader` for a CUDA device."""
    with device:
        stream = cupy.cuda.Stream(non_blocking=True)
    buffers = cycle((_PinnedBatch(dtype), _PinnedBatch(dtype)))

    def upload(
        arrays: Sequence[np.ndarray[Any, Any]], rows: np.ndarray[Any, Any]
    ) -> Callable[[], tuple[Any, ...]]:
        buffer = next(buffers)
        hosts = buffer.filled(arrays, rows)
        with device:
            there = tuple(cupy.empty(host.shape, dtype) for host in hosts)
            # Their memory may be what a computation still under way was the last to read.
            stream.wait_event(cupy.cuda.get_current_stream().record())
            for array, host in zip(there, hosts, strict=True):
                array.set(host, stream=stream)
            copied = buffer.copied = stream.record()

        def arrived() -> tuple[Any, ...]:
            with device:
                cupy.cuda.get_current_stream().wait_event(copied)
            return there

        return arrived

    return upload


class _PinnedBatch:
    """Pinned memory for one batch, which is filled again only when it has been copied."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.copied: Any = None
        self.memory: list[np.ndarray[Any, Any]] = []

    def filled(
        self, arrays: Sequence[np.ndarray[Any, Any]], rows: np.ndarray[Any, Any]
    ) -> list[np.ndarray[Any, Any]]:
        """These rows of each array, in pinned memory."""
        if self.copied is not None:
            self.copied.synchronize()
        if not self.memory or len(self.memory[0]) < len(rows):
            self.memory = [_pinned((len(rows), array.shape[1]), self.dtype) for array in arrays]
        hosts = [memory[: len(rows)] for memory in self.memory]
        for host, array in zip(hosts, arrays, strict=True):
            host[...] = array[rows]
        return hosts


def _pinned(shape: tuple[int, int], dtype: str) -> np.ndarray[Any, Any]:
    size = shape[0] * shape[1]
    memory = cupy.cuda.alloc_pinned_memory(size * np.dtype(dtype).itemsize)
    # The system hands out more than was asked for.
    return np.frombuffer(memory, dtype, size).reshape(shape)


ADAPTER = Adapter(
    xp=xp,
    devices=_devices,
    from_numpy=_from_numpy,
    to_numpy=cupy.asnumpy,
    synchronize=_synchronize,
    on_device=_on_device,
    free_memory=_free_memory,
    pinned_upload=_pinned_upload,
)
