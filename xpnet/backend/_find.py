"""A library, a device and a dtype that exist, found by their names."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from xpnet.backend._libraries import LIBRARIES, adapter, devices, refuse
from xpnet.exceptions import BackendError

__all__ = ["NAMES", "Backend", "dtype_name", "find", "find_device"]

_AUTO = "auto"
_DTYPES = ("float32", "float64")
NAMES = (*LIBRARIES, _AUTO)


@dataclass(frozen=True)
class Backend:
    """A library, one of its devices and a dtype, by name; `resolve` makes one and checks it."""

    name: str
    device: str
    dtype: str

    @property
    def xp(self) -> ModuleType:
        """The library's Array API namespace."""
        return adapter(self.name).xp

    @property
    def device_object(self) -> Any:
        """What the library itself calls the device."""
        return devices(self.name)[self.device]

    @property
    def dtype_object(self) -> Any:
        """What the library itself calls the dtype."""
        return getattr(self.xp, self.dtype)


def find(name: str | None, device: str | None, dtype: str | None) -> Backend:
    """Return the backend of these names; a device of None is the library's default.

    Raises
    ------
    BackendError
        If one of them is unknown or cannot be had: says what is missing and the choices.
    """
    name = _library(name)
    device = next(iter(devices(name))) if device is None else find_device(name, device)
    if dtype not in _DTYPES:
        raise BackendError(f"dtype {dtype!r} is unknown: choose {' or '.join(_DTYPES)}")
    refuse(name, dtype, devices(name)[device])
    return Backend(name, device, dtype)


def _library(name: str | None) -> str:
    if name not in NAMES:
        raise BackendError(f"backend {name!r} is unknown: choose one of {', '.join(NAMES)}")
    if name != _AUTO:
        return str(name)
    try:
        devices("cupy")
    except BackendError:
        return "numpy"
    return "cupy"


def dtype_name(dtype: Any) -> str:
    """Return ``float32`` for any library's float32, or for the name itself."""
    if isinstance(dtype, type):
        return dtype.__name__
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]


def find_device(name: str, device: str) -> str:
    """Return the full name of a library's device, or raise `BackendError` with the choices."""
    there = devices(name)
    # "cuda" means its first device, as in torch.
    for spelling in (device, f"{device}:0"):
        if spelling in there:
            return spelling
    raise BackendError(
        f"backend {name!r} has no device {device!r} here: choose one of {', '.join(there)}"
    )
