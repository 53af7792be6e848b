"""What CUDA says of its devices and versions."""

from __future__ import annotations

from typing import Any

from cupy.cuda.device import COUNT, current_device, set_current_device

__all__ = [
    "CUDARuntimeError",
    "driverGetVersion",
    "getDevice",
    "getDeviceCount",
    "getDeviceProperties",
    "memGetInfo",
    "runtimeGetVersion",
    "setDevice",
]

getDevice = current_device  # noqa: N816 (CUDA's name)
setDevice = set_current_device  # noqa: N816


class CUDARuntimeError(RuntimeError):
    """An error that the runtime reports."""


def getDeviceCount() -> int:  # noqa: N802
    return COUNT


def getDeviceProperties(device: int) -> dict[str, Any]:  # noqa: N802
    return {"name": b"CuPy's stand-in", "totalGlobalMem": 8 * 2**30}


def memGetInfo() -> tuple[int, int]:  # noqa: N802
    """Free and in all."""
    return 6 * 2**30, 8 * 2**30


def driverGetVersion() -> int:  # noqa: N802
    return 13000


def runtimeGetVersion() -> int:  # noqa: N802
    return 12090
