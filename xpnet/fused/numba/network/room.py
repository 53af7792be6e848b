"""Memory of training steps, taken once and used again."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from xpnet.fused.numba.network.loop import train
from xpnet.fused.numba.threads.barrier import sleep
from xpnet.fused.numba.threads.workers import on_workers
from xpnet.types import Array

OF_ROOM = "size", "n_x", "n_y", "room_of_sample", "piece", "units"


class Room:
    """Memory that steps are made in, used again: one at a time may have it.

    Attributes
    ----------
    arrays : dict
    serial : int
        Another one each time that what was entered before holds no more.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self.serial = 0

    def enter(self, rows: Array, like: Array, workers: int) -> None:
        """Enter the memory that these rows need into them."""
        size, n_x, n_y, room, piece, units = map(int, map(rows[0].__getitem__, OF_ROOM))
        lengths = {"s": size * workers, "work": size * room}
        if rows["gather"][0]:
            lengths |= {"x": size * n_x, "y": size * n_y}
        if not rows["thin"][0]:
            lengths |= {"columns": size * n_x, "across": 2 * units * size}
            lengths["pieces"] = workers * piece
        doubles = {"parts_of_cost": 2 * size, "squares": 2 * units}
        for dtype, names in ((like.dtype, lengths), (np.dtype(np.float64), doubles)):
            for name, length in names.items():
                rows[name] = self._array(name, length, dtype).ctypes.data

    def train(self, rows: Array, like: Array, workers: int) -> None:
        """Train the networks of these rows, by so many workers that room was entered for."""
        if workers == 1:
            train(rows.ctypes.data, len(rows), like, 0, 1)
            return
        rows["sleep"] = sleep()

        def make(worker: int, workers: int, arrivals: int) -> None:
            rows["arrivals"] = arrivals
            train(rows.ctypes.data, 1, like, worker, workers)

        on_workers(workers, make)

    def _array(self, name: str, length: int, dtype: Any) -> Array:
        array = self.arrays.get(name)
        if array is None or array.size < length or array.dtype != dtype:
            array = self.arrays[name] = np.empty(length, dtype)
            self.serial += 1
        return array


class _OfThread(threading.local):
    """Of each thread, for whoever has none of their own."""

    def __init__(self) -> None:
        self.room = Room()


of_thread = _OfThread()
