"""``python -m bench.peers_on_cuda``: xpnet and its peers side by side on a CUDA device."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import machine, samples
from bench.peers import tables
from bench.peers.measure import cell_of, disagreeing, measure
from bench.peers.on_cuda import TRAINING_ON_CUDA
from xpnet import backend

CELLS = (
    ((784, 10), 128, 2_000),
    ((784, 30, 10), 128, 2_000),
    ((784, 512, 256, 10), 128, 2_000),
    ((784, 512, 256, 10), 1_024, 1_000),
    ((784, 2048, 2048, 10), 8_192, 100),
)
"""Sizes, batch, and steps of a round; the first is logistic regression."""

PACKAGES = ("xpnet", "numpy", "cupy-cuda12x", "cupy-cuda13x", "torch", "jax")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each cell; 1 where a peer did other work than the rest, 2 without a device."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers_on_cuda", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (5)")
    parser.add_argument("--json", type=Path, default=Path("bench/out/gpu-peers.json"))
    asked = parser.parse_args(arguments)
    try:
        backend.resolve("cupy")
    except backend.BackendError as error:
        print(error, file=sys.stderr)
        return 2
    found: dict[str, Any] = {"kind": "peers", "cells": []}
    wrong = []
    for sizes, batch, steps in CELLS:
        cell = cell_of(sizes, batch, samples.synthetic(sizes[0], 60_000), steps)
        # By the name of the training on the processor: the tables know it.
        result = measure("training", cell, TRAINING_ON_CUDA, asked.rounds, _say)
        found["cells"].append(result)
        print(tables.of_cell(result), end="\n\n", flush=True)
        wrong += disagreeing(result["rows"], TRAINING_ON_CUDA.tolerance)
    found["devices"] = [dataclasses.asdict(report) for report in backend.device_report()]
    found["machine"] = machine.describe(PACKAGES)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=1) + "\n")
    for peer in wrong:
        _say(f"{peer} ends at another cost than the others")
    return 1 if wrong else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
