"""Table of the stages of a run on a CUDA device, what each needs, and its share of the time."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["NO_DEVICE", "ROOT", "STAGES", "Stage", "environment", "limit"]

ROOT = Path(__file__).parents[2]
NO_DEVICE = 2
"""Exit code of the first stage where nothing finds a CUDA device."""


class Stage(NamedTuple):
    """A command; ``{folder}`` in it stands for the folder of its results.

    Its limit is its `share` of the time that is left to it and to those after it.
    """

    name: str
    share: int
    command: tuple[str, ...]
    environment: Mapping[str, str] = MappingProxyType({})


PYTHON = (sys.executable, "-m")
RESULTS = ("--json", "{folder}/results.json")
ON_CUPY = {"XPNET_BACKEND": "cupy"}

PYTEST = (*PYTHON, "pytest", "-v", "--tb=short", "-p", "no:cacheprovider")
# A module that lacks a library does not keep the others from running. Each process has a CUDA
# context of its own, which takes memory.
TESTS = (
    *(*PYTEST, "--benchmark-disable", "--continue-on-collection-errors"),
    *("-o", "faulthandler_timeout=60", "--numprocesses=auto", "--maxprocesses=8"),
)
OF_CUPY = "cupy or cuda or standin"
"""Names of tests, their files and folders; the rules of the stand-in are compared with CuPy's."""
ON_THE_HOST = {"JAX_PLATFORMS": "cpu", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""JAX would take three quarters of the card's memory, in each process."""

PEERS = (
    *(*PYTHON, "bench.peers", "--tasks", "training-cuda", "--rounds", "5", "--steps", "200"),
    *RESULTS,
)
# The first network is logistic regression.
ALL_SIZES = ("784-10", "784-30-10", "784-512-256-10", "784-2048-2048-10")

KERNEL_TESTS = (*PYTEST, "tests/fused/cupy", "-k", "gpu or test_device or test_gather")
SANITIZER = ("compute-sanitizer", "--error-exitcode", "99")
"""No exit code of pytest's, whose own come through."""

STAGES = (
    Stage("versions", 20, (*PYTHON, "bench.gpu.versions", *RESULTS)),
    Stage("agreement", 45, (*PYTHON, "bench.agreement", *RESULTS)),
    Stage("cupy-tests", 130, (*TESTS, "-k", OF_CUPY), ON_THE_HOST),
    Stage(
        "peers-two-sizes",
        60,
        (*PEERS, "--sizes", "784-30-10", "784-512-256-10", "--batches", "128"),
    ),
    Stage("host-time", 20, (*PYTHON, "bench.host_time", *RESULTS)),
    Stage("stacks", 20, (*PYTHON, "bench.stacks", *RESULTS)),
    Stage("peers", 120, (*PEERS, "--sizes", *ALL_SIZES, "--batches", "128", "1024", "8192")),
    Stage(
        "benchmarks",
        45,
        (
            *(*PYTEST, "bench/test_kernels.py", "bench/test_train.py"),
            *("--benchmark-max-time=0.3", "--benchmark-json={folder}/results.json"),
        ),
        ON_CUPY,
    ),
    Stage("memcheck", 40, (*SANITIZER, "--tool", "memcheck", *KERNEL_TESTS)),
    Stage("racecheck", 40, (*SANITIZER, "--tool", "racecheck", *KERNEL_TESTS)),
    Stage("other-tests", 60, (*TESTS, "-k", f"not ({OF_CUPY})"), ON_THE_HOST),
)


def limit(stages: Sequence[Stage], left: float) -> float:
    """Seconds for the first of the stages to come, of those that are left to all of them."""
    return left * stages[0].share / sum(stage.share for stage in stages)


def environment(site: Path) -> dict[str, str]:
    """What every stage runs in; `site` has packages that the machine lacks."""
    paths = (str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(site))
    return {
        **os.environ,
        "PATH": os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/cuda/bin")),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        # Another plugin's warning would be every test's error.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "xdist.plugin,pytest_benchmark.plugin,_hypothesis_pytestplugin",
    }
