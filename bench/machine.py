"""Description of the machine that is measured: processor, threads, BLAS and versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

KEY = "described"
"""Where pytest-benchmark's JSON holds a description among its own."""

FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def describe(packages: Sequence[str]) -> dict[str, Any]:
    """The machine, its Python, BLAS and threads, and the versions of what is installed."""
    return {
        "processor": _processor(),
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
    return (
        f"{described['processor']}, {described['cores']} cores, {described['system']}; "
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
