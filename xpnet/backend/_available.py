"""What is installed here, and why the rest is not usable."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from xpnet.backend._libraries import LIBRARIES, devices
from xpnet.exceptions import BackendError

__all__ = ["BackendInfo", "available_backends"]


@dataclass(frozen=True)
class BackendInfo:
    """One array library on this machine.

    Attributes
    ----------
    name : what `use_backend` and ``XPNET_BACKEND`` call it
    version : the version installed, or None
    devices : the devices that answer, the default first
    reason : None if it can be used, else why not and what to do
    """

    name: str
    version: str | None
    devices: tuple[str, ...]
    reason: str | None


def available_backends() -> tuple[BackendInfo, ...]:
    """Return every library xpnet knows, usable or not. This imports all that are installed."""
    return tuple(_info(name) for name in LIBRARIES)


def _info(name: str) -> BackendInfo:
    try:
        return BackendInfo(name, _version(name), tuple(devices(name)), None)
    except BackendError as error:
        return BackendInfo(name, _version(name), (), str(error))


def _version(name: str) -> str | None:
    try:
        return str(import_module(name).__version__)
    except Exception:  # whatever a broken installation raises
        return None
