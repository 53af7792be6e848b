"""CuPy's place in tests: the real one where a CUDA device answers, the stand-in elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

_FOLDER = str(Path(__file__).parent)
_TOP = ("cupy", "cupyx")


@cache
def device_answers() -> bool:
    """Whether CuPy is installed and finds a CUDA device."""
    with real_cupy() as cupy:
        return cupy is not None and bool(cupy.cuda.is_available())


def put_in_place() -> None:
    """Let ``import cupy`` find the stand-in from here on, unless a device answers.

    It runs kernels by a compiler, on Linux. Processes that a test starts know nothing of it: they
    see whatever is installed.
    """
    if sys.platform == "linux" and not device_answers() and _FOLDER not in sys.path:
        _taken()
        sys.path.insert(0, _FOLDER)
        import_module("cupy")


@contextmanager
def real_cupy() -> Iterator[ModuleType | None]:
    """Put the installed CuPy in the stand-in's place for a while; None where there is none.

    It stays there if nothing was there before.
    """
    before = _taken()
    path = sys.path.copy()
    sys.path[:] = [folder for folder in path if folder != _FOLDER]
    sys.modules.update(_REAL)
    try:
        yield _imported()
    finally:
        _REAL.update(_taken())
        sys.modules.update(before or _REAL)
        sys.path[:] = path


_REAL: dict[str, ModuleType] = {}
"""The modules of the installed CuPy, which are imported once."""


def needs_real_cupy() -> Iterator[ModuleType]:
    """Yield the installed CuPy for a fixture, which skips where there is none."""
    with real_cupy() as cupy:
        if cupy is None:
            pytest.skip("CuPy is not installed")
        yield cupy


def _imported() -> ModuleType | None:
    try:
        return import_module("cupy")
    except ImportError:
        return None


def _taken() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in _TOP]
    return {name: sys.modules.pop(name) for name in names}
