"""``python -m bench.gpu``: tests, benchmarks and peers on a CUDA device, by one command.

Compares the device's numbers with the host's; runs the tests with the device, the kernels' tests
under compute-sanitizer, the benchmarks and the comparison with peers; writes one JSON and, beside
it, the charts. Uses what is installed, and names what is missing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

from bench import agreement, machine
from xpnet import backend

PYTHON = (sys.executable, "-m")
SANITIZER = "compute-sanitizer"
PEERS_ON_CUDA = (
    *("--tasks", "training-cuda"),
    *("--sizes", "784-10", "784-30-10", "784-512-256-10", "784-2048-2048-10"),
    *("--batches", "128", "1024", "8192"),
    *("--steps", "500"),
)
"""The first network is logistic regression."""

PACKAGES = ("xpnet", "numpy", "cupy-cuda12x", "cupy-cuda13x", "torch", "jax")
WANTED = {
    "torch": "pip install 'xpnet[torch]'",
    "jax": "pip install 'xpnet[jax]' 'jax[cuda13]' (or 'jax[cuda12]')",
    SANITIZER: "it comes with the CUDA toolkit",
}
"""What is used where it is found, and how to get it."""


class Stage(NamedTuple):
    """A command of its own; left out where the program it starts with is missing."""

    name: str
    command: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of it; 1 where a stage failed or numbers differ, 2 without a device."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("bench/out/gpu.json"))
    out = parser.parse_args(arguments).json
    try:
        backend.resolve("cupy")
    except backend.BackendError as error:
        print(error, file=sys.stderr)
        return 2
    out.parent.mkdir(parents=True, exist_ok=True)
    found = {"kind": "gpu", **_described(), "agreement": _agreement()}
    found["stages"] = [_run(stage) for stage in stages(out)]
    found["results"] = {name: _read(_beside(out, name)) for name in ("benchmarks", "peers")}
    out.write_text(json.dumps(found, indent=1) + "\n")
    wrong = [row["work"] for row in found["agreement"] if not row["agrees"]]
    wrong += [stage["name"] for stage in found["stages"] if stage["status"] not in (0, None)]
    print(f"{out}: {'all well' if not wrong else 'failed: ' + ', '.join(wrong)}")
    return 1 if wrong else 0


def stages(out: Path) -> tuple[Stage, ...]:
    """What is run, in this order; measurements are written beside `out`."""
    benchmarks, peers = (str(_beside(out, name)) for name in ("benchmarks", "peers"))
    kernel_tests = (*PYTHON, "pytest", "-q", "tests/fused/cupy", "-k", "gpu")
    return (
        Stage("tests", (*PYTHON, "pytest", "-q")),
        Stage("memcheck", (SANITIZER, "--error-exitcode", "1", *kernel_tests)),
        Stage(
            "racecheck", (SANITIZER, "--tool", "racecheck", "--error-exitcode", "1", *kernel_tests)
        ),
        Stage("benchmarks", (*PYTHON, "pytest", "-q", "bench", f"--benchmark-json={benchmarks}")),
        Stage("peers", (*PYTHON, "bench.peers", *PEERS_ON_CUDA, "--json", peers)),
        Stage("charts of benchmarks", (*PYTHON, "bench.report", benchmarks)),
        Stage("charts of peers", (*PYTHON, "bench.report", peers)),
    )


def _described() -> dict[str, Any]:
    missing = [name for name in WANTED if which(name) is None and find_spec(name) is None]
    for name in missing:
        print(f"{name} is missing: {WANTED[name]}", file=sys.stderr)
    return {
        "devices": [dataclasses.asdict(report) for report in backend.device_report()],
        "machine": machine.describe(PACKAGES),
        "missing": missing,
    }


def _agreement() -> list[dict[str, Any]]:
    """Each work on the host and on the device, in both dtypes."""
    rows = []
    for dtype in ("float64", "float32"):
        here, there = (backend.resolve(name, dtype=dtype) for name in ("numpy", "cupy"))
        for work in agreement.WORKS:
            rows.append(agreement.compare(work, here, there))
            print("{work}, {dtype}: differs by {worst:.1e}".format(**rows[-1]), flush=True)
    return rows


def _run(stage: Stage) -> dict[str, Any]:
    """The stage's name, how long it took, and its exit status; None where it was left out."""
    start = time.perf_counter()
    status = None
    if which(stage.command[0]) is not None:
        print(f"--- {stage.name}: {' '.join(stage.command)}", flush=True)
        status = subprocess.run(
            stage.command, env={**os.environ, "XPNET_BACKEND": "cupy"}, check=False
        ).returncode
    return {"name": stage.name, "status": status, "seconds": time.perf_counter() - start}


def _beside(out: Path, name: str) -> Path:
    return out.with_name(f"{out.stem}-{name}.json")


def _read(path: Path) -> Any:
    """A stage's measurements, or None where it left none."""
    return json.loads(path.read_text()) if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
