"""Memory: a pool that hands out again at once what was freed, and pinned memory of the host.

As in cupy/cuda/memory.pyx, what was freed may still be used by work under way: it goes back to the
stream on which it was asked for (``_arena`` there), and the pool relies on all of that work being
on this one. Fresh memory is NaN from its stream's next work on, so that what was never written
shows.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from cupy._counts import note
from cupy.cuda.device import current_device
from cupy.cuda.stream import all_is_done, get_current_stream

_UNIT = 512  # bytes
_PINNED_UNIT = 512  # bytes; cupy/cuda/pinned_memory.pyx rounds up to it
_KEPT = 64  # freed pieces of one size


class Block(np.ndarray):
    """The bytes of one allocation, which go back to the pool with the last array over them."""

    pool: list[Any]

    def __del__(self) -> None:
        self.pool.append(self.base)
        if len(self.pool) > _KEPT and all_is_done():
            del self.pool[:-_KEPT]


_FREED: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
"""Pieces by device, stream and size. Those that work may still use stay where they are."""


def allocate(shape: Sequence[int], dtype: Any, order: str = "C") -> np.ndarray:
    """An array on the current device, over memory of the pool."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if not size:
        return np.empty(shape, dtype, order)
    note("allocations", size)
    stream = get_current_stream()
    pool = _FREED[current_device(), stream.ptr, size]
    memory = pool.pop() if pool else bytearray(size + _UNIT)
    block = np.ndarray.__new__(Block, (size,), np.uint8, memory, _first(memory))
    block.pool = pool
    if stream.recording is None:  # or a graph's memory would be NaN after its first launch
        there = unowned(block)
        stream.later(lambda: there.fill(0xFF))
    return np.ndarray(shape, dtype, block, order=order)


class MemoryPool:
    """The pool as CuPy shows it: what it keeps for arrays to come."""

    def free_bytes(self) -> int:
        return sum(len(memory) for kept in _FREED.values() for memory in kept)


_POOL = MemoryPool()


def get_default_memory_pool() -> MemoryPool:
    return _POOL


def _first(memory: Any) -> int:
    """Where in `memory` the address is a multiple of ``ALLOCATION_UNIT_SIZE`` of memory.pyx."""
    return -np.frombuffer(memory, np.uint8).ctypes.data % _UNIT


def block_of(array: np.ndarray) -> Block | None:
    """The allocation that an array lies in; None for memory of the host."""
    base: Any = array
    while isinstance(base, np.ndarray) and not isinstance(base, Block):
        base = base.base
    return base if isinstance(base, Block) else None


def unowned(array: np.ndarray) -> np.ndarray:
    """The same memory as an address: whoever writes to it keeps nothing from being freed."""
    block = block_of(array)
    if block is None:
        return array
    offset = array.ctypes.data - block.ctypes.data + _first(block.base)
    return np.ndarray(array.shape, array.dtype, block.base, offset, array.strides)


class PinnedMemory(bytearray):
    """Memory of the host that a copy reads when it runs, not when it is asked for."""


def alloc_pinned_memory(size: int) -> PinnedMemory:
    """At least `size` bytes."""
    return PinnedMemory(-(-max(size, 1) // _PINNED_UNIT) * _PINNED_UNIT)


def is_pinned(array: np.ndarray) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(getattr(base, "obj", base), PinnedMemory)


class MemoryPointer:
    """Where an array begins, as cupy/cuda/memory.pyx says it: null where it has no entries."""

    def __init__(self, array: np.ndarray, device: int) -> None:
        self.ptr = array.ctypes.data if array.size else 0
        self.device_id = device
