"""Devices: two of them, one of which is the current one of each thread.

The rules are those of cupy/cuda/device.pyx.
"""

from __future__ import annotations

import threading
from typing import Any

COUNT = 2


class _Thread(threading.local):
    current = 0


_THREAD = _Thread()


def current_device() -> int:
    """The device on which this thread computes."""
    return _THREAD.current


def set_current_device(number: int) -> None:
    """Let this thread compute on another device."""
    if not 0 <= number < COUNT:
        raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    _THREAD.current = number


class Device:
    """One device; within it as a context, the current one.

    Devices have an order and are equal by number, so they have no hash.
    """

    __hash__ = None  # type: ignore[assignment]
    compute_capability = "90"

    def __init__(self, device: Any = None) -> None:
        self.id = current_device() if device is None else int(device)
        self._outer: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __enter__(self) -> Device:
        self._outer.append(current_device())
        set_current_device(self.id)
        return self

    def __exit__(self, *exception: object) -> None:
        set_current_device(self._outer.pop())

    def use(self) -> Device:
        set_current_device(self.id)
        return self

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


def get_device_id() -> int:
    return current_device()


def get_cublas_handle() -> int:
    """The handle of this thread on its current device."""
    return threading.get_ident() * COUNT + current_device()


def get_compute_capability() -> str:
    return Device.compute_capability
