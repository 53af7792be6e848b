"""Fixtures of the benchmarks: the backend, the cases, and how one is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from array_api_compat import is_dask_array

import xpnet
from bench import case as cases
from xpnet import backend

Timed = Callable[..., Any]


@pytest.fixture(scope="session")
def place() -> backend.Backend:
    """Where arrays are made: ``XPNET_BACKEND``, ``XPNET_DEVICE`` and ``XPNET_DTYPE`` choose."""
    return backend.default_backend()


@pytest.fixture(
    params=[(work, kind) for work, kinds in cases.KINDS_OF.items() for kind in kinds],
    ids=cases.name,
)
def case(request: pytest.FixtureRequest, place: backend.Backend) -> cases.Case:
    """A network with its data and kernels."""
    work, kind = request.param
    made = cases.make(work, kind, place)
    if kind == "fused" and made.kernels is xpnet.VECTORIZED:
        pytest.skip(f"nothing is installed that fuses kernels for {place.name}")
    return made


@pytest.fixture
def timed(benchmark: Any, case: cases.Case) -> Timed:
    """``timed(operation, function, flops=0)``: time `function` until its arrays are there."""

    def run(operation: str, function: Callable[[], Any], flops: int = 0) -> None:
        benchmark.group = f"{operation}, {case.work.name}"
        benchmark(lambda: _finish(function()))
        benchmark.extra_info |= _described(operation, case)
        if flops and not benchmark.disabled:
            benchmark.extra_info["gflops"] = flops / benchmark.stats.stats.median / 1e9

    return run


def _described(operation: str, case: cases.Case) -> dict[str, Any]:
    return {
        "operation": operation,
        "work": case.work.name,
        "kernels": case.kind,
        "networks": case.networks,
        "library": case.place.name,
        "device": case.place.device,
        "dtype": case.place.dtype,
    }


def _finish(tree: Any) -> None:
    """Wait for every array: a device, and JAX, return before the numbers are there."""
    if isinstance(tree, tuple | list):
        for part in tree:
            _finish(part)
    elif is_dask_array(tree):
        tree.compute()
    elif tree is not None:
        backend.synchronize(tree)
