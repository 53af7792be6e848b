"""Description of the machine that is measured: processor, cards, threads, BLAS and versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from typing import Any

KEY = "described"
"""Where pytest-benchmark's JSON holds a description among its own."""

NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
MOST_SECONDS = 20.0
"""It may wait for a driver that has to be loaded."""

FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def describe(packages: Sequence[str]) -> dict[str, Any]:
    """The machine, its cards, Python, BLAS and threads, and the versions of what is installed."""
    return {
        "processor": _processor(),
        "cards": _cards(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "blas": _blas(),
        "versions": {name: found for name in packages if (found := _version(name))},
        "forced": {name: os.environ[name] for name in FORCED if name in os.environ},
    }


def line(described: dict[str, Any]) -> str:
    """A description in one line."""
    versions = (f"{name} {number}" for name, number in described["versions"].items())
    cards = "".join(f"{card}; " for card in described.get("cards", ()))  # which old results lack
    return (
        f"{cards}{described['processor']}, {described['cores']} cores, {described['system']}; "
        f"Python {described['python']}; {'; '.join(described['blas'])}; {', '.join(versions)}"
    )


def _processor() -> str:
    """Its name, with family and model where a virtual machine's name says less than they do."""
    cpuinfo = Path("/proc/cpuinfo")
    rows = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    pairs = [row.partition(":")[::2] for row in reversed(rows)]
    first = {key.strip(): value.strip() for key, value in pairs}
    if "model name" not in first:
        return platform.processor() or platform.machine()
    return f"{first['model name']} (family {first.get('cpu family')}, model {first.get('model')})"


def _cards() -> list[str]:
    """The name of each NVIDIA card with its driver's version."""
    if which(NVIDIA_SMI[0]) is None:
        return []
    try:
        done = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        return []
    rows = done.stdout.splitlines() if done.returncode == 0 else []
    return [", driver ".join(row.split(", ")) for row in rows]


def _blas() -> list[str]:
    """The BLAS libraries loaded: which, for which core, with how many threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return sorted(
        {
            f"{pool['internal_api']} {pool['version']}, {pool.get('architecture', 'any core')}, "
            f"{pool['num_threads']} threads"
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        }
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
