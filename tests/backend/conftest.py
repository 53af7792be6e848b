"""Fixtures that take a library away, or put a device where there is none."""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Callable, Iterator

import pytest

from xpnet.backend.libraries import adapter


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """``without("torch")``: from here on in the test, importing torch fails."""

    def hide(name: str) -> None:
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, f"xpnet.backend.adapters.{name}", raising=False)
        adapter.cache_clear()

    yield hide
    adapter.cache_clear()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Exception], None]]:
    """``broken("torch", error)``: from here on in the test, importing torch raises `error`."""

    class Broken(importlib.abc.MetaPathFinder):
        def __init__(self, name: str, error: Exception) -> None:
            self.name, self.error = name, error

        def find_spec(self, name: str, *_: object) -> None:
            if name == self.name:
                raise self.error

    def break_(name: str, error: Exception) -> None:
        for module in [module for module in sys.modules if module.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.delitem(sys.modules, f"xpnet.backend.adapters.{name}", raising=False)
        monkeypatch.delitem(sys.modules, f"array_api_compat.{name}", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Broken(name, error), *sys.meta_path])
        adapter.cache_clear()

    yield break_
    adapter.cache_clear()


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy is installed, and no device answers."""
    cupy = pytest.importorskip("cupy")
    monkeypatch.setattr(cupy.cuda, "is_available", lambda: False)


@pytest.fixture
def two_cuda_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy finds two devices; enough for choosing, not for computing."""
    cupy = pytest.importorskip("cupy")
    monkeypatch.setattr(cupy.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: 2)


@pytest.fixture
def jax_without_x64() -> Iterator[None]:
    """JAX as it comes: 32-bit numbers only."""
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", before)
