"""Array libraries: the table of those that xpnet knows, and their adapters, loaded on first use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import array_api_compat

from xpnet.backend.adapters import Adapter
from xpnet.exceptions import BackendError


@dataclass(frozen=True)
class Library:
    """One row of the table: the facts about a library that are known without importing it.

    The name is also what ``import`` calls the library; its adapter is in ``adapters/<name>.py``.
    """

    name: str
    install: str
    no_device: str = "none of its devices answers"
    lazy: bool = False  # It only builds graphs, of which a command reads no cost.


LIBRARIES: Mapping[str, Library] = {
    library.name: library
    for library in (
        Library("numpy", "pip install numpy"),
        Library(
            "cupy",
            "pip install 'xpnet[cuda13]' (or 'xpnet[cuda12]' for an older driver)",
            "no CUDA device answers: see what nvidia-smi says of the driver",
        ),
        Library("torch", "pip install 'xpnet[torch]'"),
        Library(
            "jax",
            "pip install 'xpnet[jax]'",
            "no platform of it starts: see the environment variable JAX_PLATFORMS",
        ),
        Library("dask", "pip install 'xpnet[dask]'", lazy=True),
        Library(
            "dpnp",
            "pip install 'xpnet[dpnp]'",
            "no SYCL device answers: for a processor under Linux, set the environment variable "
            f"OCL_ICD_FILENAMES={sys.prefix}/lib/libintelocl.so",
        ),
        Library("array_api_strict", "pip install array-api-strict"),
    )
}


@cache
def adapter(name: str) -> Adapter:
    """Return the adapter of a library in the table, importing the library.

    Raises BackendError if the library cannot be imported: says why, and the command that installs
    it.
    """
    try:
        module = import_module(f"xpnet.backend.adapters.{name}")
    except BackendError:
        raise
    # A broken installation fails in ways of its own: a driver, a binary of another version.
    except Exception as error:
        raise BackendError(
            f"backend {name!r} cannot be imported ({_reason(error)}): {LIBRARIES[name].install}"
        ) from error
    found: Adapter = module.ADAPTER
    return found


def devices(name: str) -> Mapping[str, Any]:
    """Return the devices of a library by name, its default first.

    Raises BackendError if the library cannot be imported, or none of its devices answers.
    """
    there = adapter(name)
    try:
        found = there.devices()
    except Exception as error:
        raise BackendError(
            f"backend {name!r} cannot list its devices ({_reason(error)}): "
            f"{LIBRARIES[name].install}"
        ) from error
    if not found:
        raise BackendError(f"backend {name!r} is installed, but {LIBRARIES[name].no_device}")
    return found


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def refuse(name: str, dtype: str, device: Any) -> None:
    """Raise `BackendError` if `device` of the library cannot hold `dtype`; say what to do."""
    refusal = adapter(name).refusal
    reason = None if refusal is None else refusal(dtype, device)
    if reason is not None:
        raise BackendError(f"backend {name!r} cannot hold {dtype}: {reason}")


def name_of_namespace(namespace: ModuleType) -> str:
    """Return the short name of an Array API namespace: ``torch`` for ``array_api_compat.torch``."""
    return namespace.__name__.removeprefix("array_api_compat.").partition(".")[0]


def library_name(array: Any) -> str:
    """Return the name of the library of `array`; raises TypeError if it is no array."""
    kind = type(array)
    # Asked several times a call, which for a small network is a tenth of its time.
    if kind not in _LIBRARY_OF:
        _LIBRARY_OF[kind] = name_of_namespace(array_api_compat.array_namespace(array))
    return _LIBRARY_OF[kind]


_LIBRARY_OF: dict[type, str] = {}


def device_of(array: Any) -> Any:
    """Return the device of `array` as its library knows it; None while it has none."""
    name = library_name(array)
    known = name in LIBRARIES
    return adapter(name).device_of(array) if known else array_api_compat.device(array)


@dataclass(frozen=True)
class BackendInfo:
    """One array library on this machine.

    Attributes
    ----------
    name : str
        Its name for `use_backend` and ``XPNET_BACKEND``.
    version : str or None
        The version installed.
    devices : tuple of str
        The devices that answer, the default first.
    reason : str or None
        Why it cannot be used, and what to do; None if it can.
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
