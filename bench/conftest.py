"""Fixtures of the benchmarks: the backend, the cases, and how one is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from array_api_compat import is_dask_array

from bench import case as cases
from bench import machine
from xpnet import backend

Timed = Callable[..., Any]

PACKAGES = (
    "xpnet",
    "numpy",
    "numba",
    "torch",
    "jax",
    "dask",
    "dpnp",
    "cupy-cuda12x",
    "cupy-cuda13x",
)


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Say in the JSON which BLAS and versions were measured, as `bench.peers` does."""
    machine_info[machine.KEY] = machine.describe(PACKAGES)


@pytest.fixture(scope="session")
def target() -> backend.Backend:
    """Where arrays are made: ``XPNET_BACKEND``, ``XPNET_DEVICE`` and ``XPNET_DTYPE`` choose."""
    return backend.default_backend()


@pytest.fixture(
    params=[(work, kind) for work, kinds in cases.KINDS_OF.items() for kind in kinds],
    ids=cases.name,
)
def case(request: pytest.FixtureRequest, target: backend.Backend) -> cases.Case:
    """A network with its data and kernels."""
    work, kind = request.param
    if reason := cases.refusal(work, kind, target):
        pytest.skip(reason)
    return cases.make(work, kind, target)


@pytest.fixture
def timed(benchmark: Any, case: cases.Case) -> Timed:
    """``timed(operation, function, flops=0)``: time `function` until its arrays are there."""

    def run(
        operation: str, function: Callable[[], Any], flops: int = 0, kernels: str = case.kind
    ) -> None:
        benchmark.group = f"{operation}, {case.work.name}"
        benchmark(lambda: _finish(function()))
        benchmark.extra_info |= _described(case) | {"operation": operation, "kernels": kernels}
        if flops and not benchmark.disabled:
            benchmark.extra_info["gflops"] = flops / benchmark.stats.stats.median / 1e9

    return run


def _described(case: cases.Case) -> dict[str, Any]:
    return {
        "work": case.work.name,
        "networks": case.networks,
        "library": case.target.name,
        "device": case.target.device,
        "dtype": case.target.dtype,
    }


def _finish(tree: Any) -> None:
    """Wait for every array: a device, and JAX, return before the results are there."""
    if isinstance(tree, tuple | list):
        for branch in tree:
            _finish(branch)
    elif is_dask_array(tree):
        tree.compute()
    elif tree is not None:
        backend.synchronize(tree)
