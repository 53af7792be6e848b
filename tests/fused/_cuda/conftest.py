"""Where the CUDA kernels run in tests: the processor, in several ways, and a device if one answers.

The same source that NVRTC compiles for a device is compiled here by a C++ compiler.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpnet.fused._cuda import Driver, fuse
from xpnet.fused._cuda.cost import OUTPUTS
from xpnet.fused._cuda.dense import NEEDS_Z
from xpnet.fused._cuda.source import MOST_THREADS, REALS, options, source
from xpnet.fused._cuda.updates import SETTINGS
from xpnet.kernels import VECTORIZED
from xpnet.types import Array, Kernels

KERNELS = (
    "row_sums",
    "add_decay",
    *(f"{way}<activation::{name}>" for way in ("forward", "backward") for name in NEEDS_Z),
    *(f"{what}<output::{name}>" for what in ("cost", "predict") for name in OUTPUTS),
    *(f"update<optimiser::{name}>" for name in SETTINGS),
)
ORDERS = {"alone": 0, "forward": 1, "backward": 2}  # as in on_host.hpp
MARGIN = 64  # entries on either side of an array, in which a kernel must not write
MOST_ARGUMENT_BYTES = 4096  # of a kernel's arguments together, on every device


def _device_answers() -> bool:
    try:
        import cupy
    except ImportError:
        return False
    return bool(cupy.cuda.is_available())


PLACES = (*ORDERS, *(("cupy",) if _device_answers() else ()))


class HostDevice:
    """The kernels on the processor, for NumPy arrays; it checks what a device would only suffer."""

    def __init__(self, libraries: dict[np.dtype, ctypes.CDLL], order: str) -> None:
        self.libraries, self.order = libraries, ORDERS[order]
        self.launches: list[str] = []
        self.buffers: list[np.ndarray] = []
        self.driver = Driver(self.launch, self.empty, np.ascontiguousarray, self.address)
        self.kernels: Kernels = fuse(VECTORIZED, self.driver)

    def asarray(self, values: Any, dtype: Any) -> np.ndarray:
        """A copy between margins of NaN, which shows up in results if a kernel reads it."""
        values = np.asarray(values)
        array = self.empty(values.shape, dtype)
        array[...] = values
        return array

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        size = int(np.prod(shape))
        buffer = np.full(size + 2 * MARGIN, np.nan, dtype)
        self.buffers.append(buffer)
        return buffer[MARGIN : MARGIN + size].reshape(shape)

    def address(self, array: np.ndarray) -> int:
        return array.ctypes.data

    def launch(
        self, name: str, dtype: np.dtype, grid: tuple[int, int], block: tuple[int, int], args: Any
    ) -> None:
        assert 1 <= grid[0] < 2**31
        assert 1 <= grid[1] < 2**16
        threads = block[0] * block[1]
        assert threads <= MOST_THREADS
        assert threads & (threads - 1) == 0
        values = [self.value(argument, dtype) for argument in args]
        assert sum(value.nbytes for value in values) <= MOST_ARGUMENT_BYTES
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        run = getattr(self.libraries[dtype], f"launch_{KERNELS.index(name)}")
        assert run(*grid, *block, pointers, self.order) == 0, "not all threads met at a barrier"
        self.launches.append(name)

    def value(self, argument: Any, dtype: np.dtype) -> np.ndarray:
        """What a launch copies of an argument, by the rules that CuPy has too."""
        if argument is None:
            return np.zeros(1, np.uint64)
        if isinstance(argument, int):
            return np.asarray([argument], np.int64)
        if isinstance(argument, np.generic):
            assert argument.dtype == dtype
            return np.asarray([argument])
        if argument.dtype.kind == "V":
            assert argument.size == 1, "CuPy passes a structure by value only as one entry"
            return argument
        assert argument.dtype == dtype
        return np.asarray([self.driver.address(argument)], np.uint64)

    def __enter__(self) -> HostDevice:
        return self

    def __exit__(self, *exception: object) -> None:
        for buffer in self.buffers:
            assert np.isnan(buffer[:MARGIN]).all(), "a kernel wrote before an array"
            assert np.isnan(buffer[-MARGIN:]).all(), "a kernel wrote behind an array"


class CudaDevice:
    """The kernels on the device that CuPy finds."""

    def __init__(self) -> None:
        import cupy

        from xpnet.fused import cupy as fused

        self.xp, self.driver = cupy, fused.DRIVER._replace(launch=self.launch)
        self.kernels: Kernels = fuse(VECTORIZED, self.driver)
        self.launches: list[str] = []
        self.launch_there = fused.DRIVER.launch

    def launch(self, name: str, *rest: Any) -> None:
        self.launch_there(name, *rest)
        self.launches.append(name)

    def asarray(self, values: Any, dtype: Any) -> Array:
        return self.xp.asarray(values, dtype)

    def to_numpy(self, array: Array) -> np.ndarray:
        return self.xp.asnumpy(array)

    def __enter__(self) -> CudaDevice:
        # An array's memory is then its own: compute-sanitizer finds what goes beyond its end.
        self.unpooled = self.xp.cuda.using_allocator()
        self.unpooled.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.unpooled.__exit__(*exception)


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[np.dtype, ctypes.CDLL]:
    """The kernels for each dtype, compiled for the processor."""
    folder = tmp_path_factory.mktemp("cuda_on_host")
    compilers = {dtype: _compiling(folder, dtype) for dtype in REALS}
    for compiler in compilers.values():
        _, errors = compiler.communicate()
        assert compiler.returncode == 0, errors
    return {dtype: ctypes.CDLL(str(folder / f"{dtype.name}.so")) for dtype in REALS}


def _compiling(folder: Path, dtype: np.dtype) -> subprocess.Popen:
    code = folder / f"{dtype.name}.cpp"
    launchers = (f"KERNEL({number}, {name})" for number, name in enumerate(KERNELS))
    shim = Path(__file__).with_name("on_host.hpp").read_text("utf-8")
    # Without a name of its own, shared memory would be one and the same in both libraries.
    code.write_text("\n".join((shim, "namespace {", source(), "}", *launchers)), "utf-8")
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
    command = (_cxx(), "-O1", "-shared", "-fPIC", *warnings, *options(dtype), str(code))
    return subprocess.Popen(
        (*command, "-o", str(folder / f"{dtype.name}.so")), stderr=subprocess.PIPE, text=True
    )


def _cxx() -> str:
    names = (os.environ.get("CXX", ""), "g++", "c++", "clang++")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        pytest.fail("no C++ compiler runs the CUDA kernels on the processor: install g++")
    if found is None or sys.platform != "linux":
        pytest.skip("the CUDA kernels run on the processor with a C++ compiler on Linux")
    return found


@pytest.fixture(params=PLACES)
def device(request: pytest.FixtureRequest) -> Iterator[HostDevice | CudaDevice]:
    """Where kernels run: on the host with one thread a block, or with all, in either order."""
    if request.param == "cupy":
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


@pytest.fixture(params=[dtype.name for dtype in REALS])
def dtype(request: pytest.FixtureRequest) -> str:
    """Each dtype that there are kernels for."""
    return str(request.param)


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


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """`f` of every array in nested tuples and dictionaries."""
    if isinstance(tree, dict):
        return {key: mapped(f, value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        items = [mapped(f, item) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    return f(tree) if hasattr(tree, "dtype") else tree


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


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture(scope="session")
def kernel_names() -> tuple[str, ...]:
    """The name of every kernel that the host code may launch."""
    return KERNELS
