"""Loops of a training that are compiled for another process: see `xpnet._ahead`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from typing import Any

import numpy as np
from numba import int64, typeof

from xpnet.fused.numba.network.loop import train
from xpnet.fused.numba.network.loops import of_backward, of_forward
from xpnet.fused.numba.products.blas import AS_IT_IS, product


def main() -> None:
    """Compile `LOOPS` for arrays of the dtype that comes by standard input, until that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the other process, which ends this one
    name = os.read(sys.stdin.fileno(), 99).decode()
    if name:
        threading.Thread(target=_end_with_input, daemon=True).start()
        _compile(np.dtype(name))


def _compile(dtype: Any) -> None:
    warnings.simplefilter("error")  # such as that code cannot be kept: it would be of no use
    vector, matrix = (typeof(np.empty((1,) * n, dtype)) for n in (1, 2))
    loops: tuple[Any, Any] = train, product
    of_forward(dtype)
    of_backward(dtype)
    loops[0].compile((int64, int64, vector, int64, int64))
    loops[1].compile((int64, *(matrix, typeof(AS_IT_IS)) * 2, matrix))


def _end_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)
