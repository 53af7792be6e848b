"""Random numbers: cupy/random/_generator_api.pyx, with NumPy's numbers in place of cuRAND's."""

from __future__ import annotations

from typing import Any

import numpy as np

from cupy._array import from_host, ndarray
from cupy._counts import note
from cupy.cuda.device import current_device

__all__ = ["Generator", "Philox4x3210"]

_STATE = 17_408_000  # bytes that a generator fills before its first number


class Philox4x3210:
    """A source of bits, whose states are made on the current device."""

    def __init__(self, seed: Any = None) -> None:
        self.seed, self.device = seed, current_device()
        note("allocations", _STATE)
        note("launches", "init_curand")


class Generator:
    """Numbers of a source of bits, on the device of that source alone."""

    def __init__(self, bit_generator: Philox4x3210) -> None:
        self.bits = bit_generator
        self.numbers = np.random.default_rng(bit_generator.seed)

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> ndarray:
        if self.bits.device != current_device():
            raise ValueError("This generator is not on the current device")
        note("launches", "random")
        return from_host(np.asarray(self.numbers.random(size, np.dtype(dtype).type)))
