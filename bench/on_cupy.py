"""Command line and result files of the benchmarks of training steps on CuPy."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from bench import machine
from xpnet import backend
from xpnet.exceptions import BackendError

WAYS = {"launches": "0", "CUDA graph": "1"}
"""How a step is started, and the ``XPNET_CUDA_GRAPH`` that lets it."""

PACKAGES = ("xpnet", "numpy", "cupy-cuda12x", "cupy-cuda13x")

Rows: TypeAlias = Callable[[backend.Backend, int], Iterator[tuple[dict[str, Any], str]]]
"""From CuPy in float32, and how often to measure for a median, to rows and what is printed."""


def run(
    parser: argparse.ArgumentParser, often: str, rows: Rows, arguments: Sequence[str] | None
) -> int:
    """Measure all `rows`; each is printed and written as soon as it is there.

    `often` is the option of `parser` that says how often.
    """
    parser.add_argument("--json", type=Path, required=True)
    asked = parser.parse_args(arguments)
    try:
        target = backend.resolve("cupy", dtype="float32")
    except BackendError as error:
        parser.error(str(error))
    found: dict[str, Any] = {"machine": machine.describe(PACKAGES), "rows": []}
    for row, line in rows(target, getattr(asked, often)):
        found["rows"].append(row)
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
        print(line, flush=True)
    return 0
