"""``python -m bench.sparse``: estimators on a sparse X, beside scikit-learn's.

X is TF-IDF of drawn texts of 20 classes. Both libraries fit and score by turns, in one process;
the table has medians.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn import linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer

import xpnet
from bench import machine

CLASSES = 20
LENGTH, SPREAD = 235, 0.6  # of a text: the median of a log-normal, and its σ
OWN = 0.25  # share of words that a class draws from an order of its own
SCORES = 10  # a fit
PACKAGES = ("xpnet", "numpy", "scipy", "scikit-learn", "numba")

MLP = {"hidden_layer_sizes": (100,), "random_state": 0}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "logistic": ("LogisticRegression", {}),
    "adam": ("MLPClassifier", {**MLP, "max_iter": 3}),
    "sgd": ("MLPClassifier", {**MLP, "max_iter": 3, "solver": "sgd"}),
    "lbfgs": ("MLPClassifier", {**MLP, "max_iter": 10, "solver": "lbfgs"}),
}
"""The class of each, and its settings."""


class Text(NamedTuple):
    """``X (m, n)``, a word a column, and the class of each text."""

    X: csr_matrix
    labels: np.ndarray


def text(m: int, n: int) -> Text:
    """Texts of words drawn by Zipf's law: a few are everywhere, most are rare."""
    rng = np.random.default_rng(0)
    p = 1.0 / (np.arange(n) + 10.0) ** 0.95
    labels = rng.integers(CLASSES, size=m)
    lengths = np.maximum(20, rng.lognormal(np.log(LENGTH), SPREAD, m)).astype(int)
    texts = np.repeat(np.arange(m), lengths)
    words = rng.choice(n, len(texts), p=p / p.sum())
    orders = np.stack([rng.permutation(n) for _ in range(CLASSES)])
    words = np.where(rng.random(len(texts)) < OWN, orders[labels[texts], words], words)
    counts = csr_matrix((np.ones(len(texts)), (texts, words)), (m, n))
    return Text(TfidfTransformer(sublinear_tf=True).fit_transform(counts), labels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each model and dtype as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m bench.sparse", description=__doc__)
    parser.add_argument("--texts", type=int, default=2_048)
    parser.add_argument("--words", type=int, default=77_800)
    parser.add_argument("--rounds", type=int, default=5, help="fits of each (5)")
    asked = parser.parse_args(arguments)
    X, labels = text(asked.texts, asked.words)
    print(machine.line(machine.describe(PACKAGES)))
    print(f"\n{X.shape[0]} x {X.shape[1]}, {X.nnz / X.shape[0]:.0f} non-zeros a row\n")
    print("| model | dtype | fit, scikit-learn | xpnet | ratio | score, theirs | xpnet | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for name in MODELS:
        for dtype in ("float64", "float32"):
            fits, scores = measured(name, Text(X.astype(dtype), labels), asked.rounds)
            cells = *_cells(*fits, "{:.3f} s", 1.0), *_cells(*scores, "{:.1f} ms", 1e3)
            print(f"| {name} | {dtype} | {' | '.join(cells)} |", flush=True)
    return 0


def measured(name: str, samples: Text, rounds: int) -> tuple[tuple[float, float], ...]:
    """Median seconds of a fit, and of a score: scikit-learn's and xpnet's."""
    kind, settings = MODELS[name]
    theirs = getattr(linear_model, kind, None) or getattr(neural_network, kind)
    makes = [partial(make, **settings) for make in (theirs, getattr(xpnet, kind))]
    fits: tuple[list[float], list[float]] = ([], [])
    scores: tuple[list[float], list[float]] = ([], [])
    for number in range(-1, rounds):  # the first compiles
        models = [_timed(partial(make().fit, *samples), fits[i]) for i, make in enumerate(makes)]
        for _ in range(SCORES):
            for i, model in enumerate(models):
                _timed(partial(model.score, *samples), scores[i])
        if number < 0:
            for times in (*fits, *scores):
                times.clear()
    return tuple((median(times[0]), median(times[1])) for times in (fits, scores))


def _timed(call: Callable[[], Any], times: list[float]) -> Any:
    """What `call` returns, its seconds entered."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # each has the same iterations
        began = time.perf_counter()
        found = call()
    times.append(time.perf_counter() - began)
    return found


def _cells(theirs: float, ours: float, form: str, factor: float) -> tuple[str, str, str]:
    return form.format(factor * theirs), form.format(factor * ours), f"{ours / theirs:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
