"""Loops of a training that are compiled for another process: see `xpnet.fused.ahead`."""

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


def main(dtype: str) -> None:
    """Compile `xpnet.fused.ahead.LOOPS` for arrays of `dtype`, until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the other process, which ends this one
    threading.Thread(target=_end_with_input, daemon=True).start()
    warnings.simplefilter("error")  # such as that code cannot be kept: it would be of no use
    of_forward(np.dtype(dtype))
    of_backward(np.dtype(dtype))
    loop: Any = train
    loop.compile((int64, int64, typeof(np.empty(0, dtype)), int64, int64))


def _end_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)
