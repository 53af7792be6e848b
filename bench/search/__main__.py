"""``python -m bench.search``: searches over small networks, ours beside scikit-learn's.

Each K is a number of trainings: candidates by five folds, or one candidate by eight. By turns,
started from one process: scikit-learn's `GridSearchCV` with its own MLP and with xpnet's, both on
all cores, then with xpnet's in this process alone, and ours. Then ours alone, in a new process for
each K, with what memory it takes.

Times are written after each K; what the file has already is left out, so that long measurements can
be made in parts. ``python -m bench.report`` makes tables and a chart of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from bench import machine
from bench.search import tables
from bench.search.cell import OURS, SAME, SEARCHES, Cell, fits

PACKAGES = ("xpnet", "numpy", "scikit-learn", "joblib", "numba", "torch", "jax")
DATA, UNITS, TRAININGS = ("digits", "mnist"), (32, 128), (8, 80, 400)
LIBRARIES = "numpy", "torch", "jax"
GROWTH = (5, 10, 20, 40, 80, 160, 320, 640)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and is not in the file; 1 where scores differ."""
    asked = _arguments(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    # As for the processes that joblib starts, which do not inherit the filter.
    os.environ["PYTHONWARNINGS"] = "ignore"
    found: dict[str, Any] = {"kind": "search", "searches": [], "growth": []}
    if asked.json.exists():
        found = json.loads(asked.json.read_text())
    found["machine"] = machine.describe(PACKAGES)
    for part in asked.only:
        trainings = asked.trainings or (TRAININGS if part == "searches" else GROWTH)
        for data, units, K in product(asked.data, asked.units, trainings):
            _measure(found, part, Cell(data, units, K, asked.mnist, asked.arrays), asked)
    print(tables.tables(tables.read([found])))
    return 0 if all(map(_is_as_it_should, found["searches"])) else 1


def _is_as_it_should(cell: dict[str, Any]) -> bool:
    """Whether scores are the same: elsewhere than on NumPy, rounding may turn a prediction."""
    return cell["arrays"] != "numpy" or cell["same"] in (None, cell["candidates"])


def _measure(found: dict[str, Any], part: str, cell: Cell, asked: argparse.Namespace) -> None:
    """Measure a cell, enter it and write the file, if it has none of that name."""
    # Of a folder its name alone: where it lies is of this machine.
    named = cell._replace(folder=cell.folder and Path(cell.folder).name)
    if named in map(tables.cell_of, found[part]):
        return
    print(f"{part}: {cell.title}, {cell.trainings} trainings", flush=True)
    measured = compared(cell, asked.searches, asked.rounds) if part == "searches" else grown(cell)
    found[part].append(named._asdict() | measured)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=1))


def compared(cell: Cell, names: list[str], rounds: int) -> dict[str, Any]:
    """Seconds of each search, one after another in each round; how many scores are the same."""
    searches = fits(cell, names)
    # Which compiles, and starts processes; JAX compiles for each number of trainings.
    warm = fits(cell._replace(trainings=8), names) if cell.arrays == "numpy" else searches
    for fit in warm.values():
        fit()
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    scores = {}
    for _ in range(rounds):
        for name, fit in searches.items():
            began = time.perf_counter()
            scores[name] = fit()
            seconds[name].append(time.perf_counter() - began)
    both = {OURS, SAME} <= scores.keys()
    return {
        "rows": [
            {"search": name, "seconds": median(taken), "rounds": taken}
            for name, taken in seconds.items()
        ],
        "same": int((scores[OURS] == scores[SAME]).sum()) if both else None,
        "candidates": len(next(iter(scores.values()))),
    }


def grown(cell: Cell) -> dict[str, Any]:
    """Seconds and bytes of our search, in a new process: memory that was freed is used again."""
    asked = [sys.executable, "-m", "bench.search.growth", json.dumps(cell)]
    done = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("bench/out/search.json"))
    parser.add_argument("--only", nargs="+", default=["searches", "growth"], metavar="PART")
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--mnist", help="a folder of MNIST's files; without, samples like digits")
    parser.add_argument("--arrays", choices=LIBRARIES, default="numpy", help="whose samples are")
    parser.add_argument("--units", type=int, nargs="+", default=UNITS, help="of the hidden layer")
    parser.add_argument("--trainings", type=int, nargs="+", help="8 80 400; of growth, more")
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison (5)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
