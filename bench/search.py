"""``python -m bench.search``: searches over small networks on digits, beside scikit-learn's.

Each K is a number of trainings: candidates by five folds. By turns, in one process: scikit-learn's
`GridSearchCV` with its own MLP and with xpnet's, both on all cores, then with xpnet's in this
process alone, and ours. The table has medians, and whether both give the same scores.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

import xpnet
from bench import machine
from xpnet import model_selection

PACKAGES = ("xpnet", "numpy", "scikit-learn", "joblib", "numba")
SETTINGS = {"batch_size": 128, "max_iter": 30, "random_state": 0}
FOLDS = 5
TRAININGS = (8, 80, 400)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each number of trainings as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--units", type=int, default=32, help="of the hidden layer (32)")
    parser.add_argument("--trainings", type=int, nargs="+", default=TRAININGS)
    parser.add_argument("--rounds", type=int, default=5, help="searches of each (5)")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    # As for the processes that joblib starts, which do not inherit the filter.
    os.environ["PYTHONWARNINGS"] = "ignore"
    print(machine.line(machine.describe(PACKAGES)))
    print(f"\ndigits, {asked.units} hidden units, {FOLDS} folds\n")
    print("| trainings | scikit-learn | with xpnet's MLP | in one process | ours | same scores |")
    print("|---|---|---|---|---|---|")
    for trainings in asked.trainings:
        seconds, same = measured(asked.units, max(1, trainings // FOLDS), asked.rounds)
        cells = [f"{taken:.2f} s ({taken / seconds[-1]:.1f})" for taken in seconds]
        print(f"| {trainings} | {' | '.join(cells)} | {'yes' if same else 'no'} |", flush=True)
    return 0


def measured(units: int, candidates: int, rounds: int) -> tuple[list[float], bool]:
    """Seconds of each search, ours last, and whether ours scores as with the same estimator."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    grid = {"learning_rate_init": np.logspace(-4, -1, candidates)}
    theirs, own = (kind((units,), **SETTINGS) for kind in (MLPClassifier, xpnet.MLPClassifier))
    folds = FOLDS if candidates > 1 else 8
    searches: list[Callable[[], Any]] = [
        lambda: GridSearchCV(theirs, grid, cv=folds, n_jobs=-1),
        lambda: GridSearchCV(own, grid, cv=folds, n_jobs=-1),
        lambda: GridSearchCV(own, grid, cv=folds),
        lambda: model_selection.GridSearchCV(own, grid, cv=folds),
    ]
    seconds: list[list[float]] = [[] for _ in searches]
    for _ in range(rounds + 1):  # the first compiles, and starts processes
        scores = []
        for taken, search in zip(seconds, searches, strict=True):
            began = time.perf_counter()
            scores.append(search().fit(X, y).cv_results_["mean_test_score"])
            taken.append(time.perf_counter() - began)
    return [median(taken[1:]) for taken in seconds], bool((scores[-1] == scores[-2]).all())


if __name__ == "__main__":
    raise SystemExit(main())
