"""CUDA source of every kernel, as one string, and the options it is compiled with.

It includes no header, so that NVRTC needs nothing beside it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np

MOST_TENSORS = 32  # that one launch of an optimiser updates; their table is a kernel's argument
MOST_THREADS = 1024  # in a block, on every device
MOST_NUMBERS = 10  # that an optimiser is given at a step: the rate, and fields of its own
WORDS = MOST_NUMBERS + 10  # of 8 bytes, for all that changes from step to step

REALS = {np.dtype("float32"): "float", np.dtype("float64"): "double"}
"""The dtypes there are kernels for, and what C++ calls them."""

_FILES = ("reduce.cu", "activations.cu", "dense.cu", "cost.cu", "updates.cu", "graph.cu")


@cache
def source() -> str:
    """All kernels; most are templates, such as ``forward<activation::relu>``."""
    return "\n".join(files(__package__).joinpath(name).read_text("utf-8") for name in _FILES)


def options(dtype: np.dtype) -> tuple[str, ...]:
    """Options of a C++ compiler or NVRTC that make the kernels for `dtype`."""
    return (
        "-std=c++17",
        f"-DREAL={REALS[dtype]}",
        f"-DMOST_TENSORS={MOST_TENSORS}",
        f"-DMOST_THREADS={MOST_THREADS}",
        f"-DWORDS={WORDS}",
    )
