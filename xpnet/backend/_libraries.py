"""The table of array libraries, and how one is loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace

from xpnet.backend._adapter import Adapter
from xpnet.exceptions import BackendError

__all__ = [
    "LIBRARIES",
    "Library",
    "adapter",
    "devices",
    "library_name",
    "name_of_namespace",
    "refuse",
]


@dataclass(frozen=True)
class Library:
    """One row of the table: what can be said of a library without importing it.

    The name is also what ``import`` calls the library; its adapter is ``_<name>.py`` beside this.
    """

    name: str
    install: str
    no_device: str = ""


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
        Library("dask", "pip install 'xpnet[dask]'"),
        Library("array_api_strict", "pip install array-api-strict"),
    )
}


@cache
def adapter(name: str) -> Adapter:
    """Return the adapter of a library in the table, importing the library.

    Raises
    ------
    BackendError
        If the library cannot be imported: says why, and the command that installs it.
    """
    try:
        module = import_module(f"xpnet.backend._{name}")
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

    Raises
    ------
    BackendError
        If the library cannot be imported, or none of its devices answers.
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
    refusal = adapter(name).refusal(dtype, device)
    if refusal is not None:
        raise BackendError(f"backend {name!r} cannot hold {dtype}: {refusal}")


def name_of_namespace(namespace: ModuleType) -> str:
    """Return the short name of an Array API namespace: ``torch`` for ``array_api_compat.torch``."""
    return namespace.__name__.removeprefix("array_api_compat.").partition(".")[0]


def library_name(array: Any) -> str:
    """Return the name of the library that `array` belongs to.

    Raises
    ------
    TypeError
        If `array` is no array.
    """
    kind = type(array)
    # Asked several times a call, which for a small network is a tenth of its time.
    if kind not in _LIBRARY_OF:
        _LIBRARY_OF[kind] = name_of_namespace(array_namespace(array))
    return _LIBRARY_OF[kind]


_LIBRARY_OF: dict[type, str] = {}
