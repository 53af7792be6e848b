"""``python -m bench.gpu.versions``: what is measured, on which device, and what is missing here.

Ends with exit code 2 where no array library finds a CUDA device.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import xpnet
from bench import machine
from bench.gpu.stages import NO_DEVICE, ROOT
from xpnet import backend

PACKAGES = (
    *("xpnet", "numpy", "cupy-cuda12x", "cupy-cuda13x", "torch", "triton", "jax", "numba"),
    *("scikit-learn", "array-api-compat", "pytest"),
)
WANTED = {
    "cupy": "pip install 'xpnet[cuda13]' (or 'xpnet[cuda12]' for an older driver)",
    "torch": "pip install 'xpnet[torch]'",
    "jax": "pip install 'xpnet[jax]' 'jax[cuda13]' (or 'jax[cuda12]')",
    "compute-sanitizer": "it comes with the CUDA toolkit",
    "g++": "for the kernels' tests on the processor, and for torch.compile",
}
"""What is used where it is found, and how to get it or what it is for."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.versions", description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    path = parser.parse_args(arguments).json
    found = _described()
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(machine.line(found["machine"]))
    for report in found["devices"]:
        print(", ".join(f"{name} {value}" for name, value in report.items()))
    for name, how in found["missing"].items():
        print(f"{name} is missing: {how}")
    if any("cuda" in device for library in found["libraries"] for device in library["devices"]):
        return 0
    print("no array library finds a CUDA device: see what nvidia-smi says of the driver")
    return NO_DEVICE


def _described() -> dict[str, Any]:
    missing = [name for name in WANTED if which(name) is None and find_spec(name) is None]
    return {
        "xpnet": _commit() or xpnet.__version__,
        "machine": machine.describe(PACKAGES),
        "devices": [dataclasses.asdict(report) for report in backend.device_report()],
        "libraries": [dataclasses.asdict(found) for found in backend.available_backends()],
        "missing": {name: WANTED[name] for name in missing},
    }


def _commit() -> str | None:
    """What `bench.gpu.bundle` wrote down."""
    path = ROOT / "COMMIT"
    return path.read_text().strip() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
