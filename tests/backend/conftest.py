"""Fixtures that take a library away, or put a device where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from xpnet.backend._libraries import adapter


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """``without("torch")``: from here on in the test, importing torch fails."""

    def hide(name: str) -> None:
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, f"xpnet.backend._{name}", raising=False)
        adapter.cache_clear()

    yield hide
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
