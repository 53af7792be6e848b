"""Fixtures that run the CUDA kernels, and compare them with the vectorized ones."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.fused.cupy.compiling import KERNELS, library
from tests.fused.cupy.devices import DEVICES, CudaDevice, HostDevice
from tests.kernels.cases import mapped
from xpnet.fused.cupy.source import REALS, options, source
from xpnet.kernels import VECTORIZED
from xpnet.types import Array


@pytest.fixture(scope="session")
def libraries() -> dict[np.dtype, ctypes.CDLL]:
    """The kernels for each dtype, compiled for the processor."""
    return {dtype: library(source(), options(dtype), KERNELS) for dtype in REALS}


@pytest.fixture(scope="session")
def kernel_names() -> tuple[str, ...]:
    """The name of every kernel that the host code may launch."""
    return KERNELS


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Iterator[HostDevice | CudaDevice]:
    """Where kernels run: on the host with one thread a block, or with all, in either order."""
    yield from _entered(request)


@pytest.fixture(params=[name for name in DEVICES if name in ("alone", "gpu")])
def one_order(request: pytest.FixtureRequest) -> Iterator[HostDevice | CudaDevice]:
    """The same for what threads do apart from each other: in one order."""
    yield from _entered(request)


def _entered(request: pytest.FixtureRequest) -> Iterator[HostDevice | CudaDevice]:
    if request.param == "gpu":
        place: HostDevice | CudaDevice = CudaDevice()
    else:
        place = HostDevice(request.getfixturevalue("libraries"), request.param)
    with place:
        yield place


@pytest.fixture
def host_device(libraries: dict[np.dtype, ctypes.CDLL]) -> Iterator[HostDevice]:
    """The kernels on the host, with one thread a block."""
    with HostDevice(libraries, "alone") as place:
        yield place


@pytest.fixture
def agree(device: HostDevice | CudaDevice, dtype: str) -> Callable[..., Any]:
    """``agree(entry, *args, **kwargs)``: the fused entry gives what the vectorized one gives.

    Arguments are trees of float64 arrays on the host. Nothing is written to them, and what the
    fused entry returned comes back on the host.
    """

    def compare(entry: str, *args: Any, **kwargs: Any) -> Any:
        call = (args, kwargs)
        here = mapped(lambda array: array.astype(dtype), call)
        there = mapped(lambda array: _laid_alike(device, array, dtype), call)
        plain = getattr(VECTORIZED, entry)(*here[0], **here[1])
        fused = getattr(device.kernels, entry)(*there[0], **there[1])
        assert device.launches, "the call fell back to the vectorized kernel"
        _assert_close(mapped(device.to_numpy, there), here, tolerance=0.0)
        fused = mapped(device.to_numpy, fused)
        _assert_close(fused, plain, tolerance=3e-5 if dtype == "float32" else 1e-12)
        return fused

    return compare


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """``graph(True)``: steps that begin from here on run as graphs."""
    return lambda on: monkeypatch.setenv("XPNET_CUDA_GRAPH", str(int(on)))


def _laid_alike(device: HostDevice | CudaDevice, array: np.ndarray, dtype: str) -> Array:
    """`array` there; the transpose of a C-contiguous array stays one."""
    if array.flags.c_contiguous:
        return device.asarray(array, dtype)
    return device.asarray(array.swapaxes(-1, -2), dtype).swapaxes(-1, -2)


def _assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    """Relative to the largest entry; a Z that the fused forward pass left out is not missed."""
    if isinstance(actual, dict):
        _assert_close(tuple(actual.values()), tuple(expected.values()), tolerance)
    elif isinstance(actual, tuple):
        for ours, theirs in zip(actual, expected, strict=True):
            _assert_close(ours, theirs, tolerance)
    elif hasattr(actual, "dtype"):
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)
