"""``python -m bench.peers``: xpnet and its peers side by side, in one run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench import machine, samples
from bench.peers import floor, measure
from bench.peers.table import PEERS, Peer
from bench.peers.tables import markdown, name_of

SIZES = (
    "784-30-10",
    "784-128-10",
    "784-512-256-10",
    "64-32-10",
    "784-2048-2048-10",
)
BATCHES = (32, 128, 1024)
PACKAGES = ("xpnet", "numpy", "numba", "scikit-learn", "torch", "jax", "keras", "thinc")


def main() -> int:
    asked = _arguments()
    peers = [peer for peer in PEERS if _wanted(peer, asked.peers)]
    found: dict[str, Any] = {"kind": "peers", "machine": {}, "cells": []}
    for forced in machine.describe(())["forced"]:
        _say(f"{forced} is set: it makes NumPy slower than this machine is (env -u {forced} …)")
    wrong = []
    for sizes in asked.sizes:
        for batch in asked.batches:
            cell = _cell(sizes, batch, asked)
            result = measure.measure(cell, peers, asked.rounds, _say)
            found["cells"].append(result)
            # Only after the first cell are all libraries loaded whose BLAS is to be named.
            found["machine"] = machine.describe(PACKAGES)
            _write(asked.json, found)
            print(markdown(result), flush=True)
            print()
            wrong += [f"{name_of(result)}: {name}" for name in measure.disagreeing(result["rows"])]
    print(json.dumps(found["machine"], indent=1))
    for name in wrong:
        _say(f"{name} ends at another cost than its peers: is its work the same?")
    return 1 if wrong else 0


def _cell(sizes: tuple[int, ...], batch: int, asked: argparse.Namespace) -> measure.Cell:
    read = asked.data if sizes[0] == 784 else None
    of_width = samples.read(read) if read else samples.synthetic(sizes[0])
    if asked.steps:
        return measure.cell_of_steps(sizes, batch, of_width, asked.steps)
    return measure.cell_of(sizes, batch, of_width, asked.seconds, floor.all_threads)


def _wanted(peer: Peer, names: list[str] | None) -> bool:
    return names is None or any(name.lower() in peer.name.lower() for name in names)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, nargs="+", default=[_sizes(s) for s in SIZES])
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--peers", nargs="+", help="parts of names; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="steps of a round, in place of --seconds")
    parser.add_argument(
        "--seconds", type=float, default=0.1, help="of the floor in a round: sets the steps"
    )
    parser.add_argument("--data", help="a folder of MNIST's IDX files; synthetic digits without")
    parser.add_argument("--json", type=Path, default=Path("bench/out/peers.json"))
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("-")))


def _write(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
