"""Fixtures of all tests: the array libraries, and the environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.standin.place import put_in_place
from xpnet import backend, fused
from xpnet.backend.libraries import LIBRARIES
from xpnet.types import Array


def _xla_flags() -> str:
    """What lets XLA compile faster; an option that a release does not know ends the process."""
    flags = ["--xla_backend_optimization_level=0"]
    if find_spec("jaxlib") and version("jaxlib").startswith("0.10."):
        flags += ["--xla_cpu_use_fusion_emitters=false"]
        flags += ["--xla_llvm_disable_expensive_passes=true"]
    return " ".join(flags)


# JAX reads this when it is imported; without it the float64 tests could not run there.
os.environ["JAX_ENABLE_X64"] = "1"
# To compile the programs of tests takes longer than to run them: once is enough for all processes.
os.environ.setdefault("XLA_FLAGS", _xla_flags())
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# Many tests start processes that import xpnet: that its bytecode is kept saves each half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# In the background a shell lets its jobs ignore Ctrl-C: tests that send it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

put_in_place()  # before anything imports CuPy

_APART = ("dpnp",)
"""Libraries whose tests have an environment of their own: in others they are not even skipped."""

_HERE = (name for name in LIBRARIES if name not in _APART or find_spec(name))
_ALL = (*_HERE, "array_api_strict-device1")
_EAGER = tuple(label for label in _ALL if not LIBRARIES[label.partition("-")[0]].lazy)


@dataclass(frozen=True)
class ArrayLibrary:
    """An array library and a device, as a test sees them."""

    name: str
    backend: backend.Backend

    @property
    def xp(self) -> ModuleType:
        """The Array API namespace."""
        return self.backend.xp

    def asarray(self, values: Any, dtype: str = "float32") -> Array:
        """Return host values as an array here."""
        return backend.asarray(values, backend=self.backend, dtype=dtype)

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        """Return an array on the host, to compare it."""
        return backend.to_numpy(array)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no choice of backend but their own."""
    choices = ("XPNET_BACKEND", "XPNET_DEVICE", "XPNET_DTYPE", "XPNET_MATMUL", "XPNET_CUDA_GRAPH")
    for variable in choices:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def unfused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain kernels, where a test names no others."""
    monkeypatch.setenv("XPNET_FUSED", "0")


@pytest.fixture(params=["0", "1"], ids=["plain", "fused"])
def plain_and_fused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test once with the plain kernels, and once with fused ones where they are available.

    The first is what users without numba have on NumPy.
    """
    monkeypatch.setenv("XPNET_FUSED", request.param)


@pytest.fixture
def own_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each library's own runs of training steps, also of arrays in the host's memory."""
    monkeypatch.setattr(fused, "accelerator_of", lambda X, xp: fused.accelerator(xp))


@pytest.fixture(params=_ALL)
def xp(request: pytest.FixtureRequest) -> Iterator[ArrayLibrary]:
    """Each array library in turn, array-api-strict on two devices."""
    yield from _library(request.param)


@pytest.fixture(params=_EAGER)
def eager_xp(request: pytest.FixtureRequest) -> Iterator[ArrayLibrary]:
    """Each library that computes at once, for kernels that read scalars."""
    yield from _library(request.param)


@pytest.fixture
def cuda_device() -> ArrayLibrary:
    """CuPy on ``cuda:0``, the current device."""
    return _on("cupy-cuda:0")


@pytest.fixture
def second_cuda_device() -> ArrayLibrary:
    """CuPy on ``cuda:1``, while ``cuda:0`` is the current device."""
    return _on("cupy-cuda:1")


def _library(label: str) -> Iterator[ArrayLibrary]:
    library = _on(label)
    with ExitStack() as stack:
        if library.backend.name == "array_api_strict":
            stack.enter_context(_no_host_synchronisation())
        yield library


def _on(label: str) -> ArrayLibrary:
    name, _, device = label.partition("-")
    try:
        return ArrayLibrary(label, backend.resolve(name, device=device or None, dtype="float32"))
    except backend.BackendError as error:
        pytest.skip(str(error))


def _no_host_synchronisation() -> Any:
    """Forbid what would make a GPU wait for the host."""
    from array_api_strict import ArrayAPIStrictFlags

    return ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False)
