"""Training samples of any width: MNIST from its files, synthetic digits, or dense ones."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

CLASSES = 10
MOST = 60_000
DENSE = "dense"


class Samples(NamedTuple):
    """``X (m, n_x)`` float32 in 0 to 1, C-contiguous, and ``labels (m,)`` from 0 to 9."""

    X: np.ndarray
    labels: np.ndarray

    @property
    def one_hot(self) -> np.ndarray:
        """The labels as rows, ``(m, 10)`` float32."""
        return np.eye(CLASSES, dtype=np.float32)[self.labels]

    def first(self, m: int) -> Samples:
        """The first `m` of them."""
        return Samples(self.X[:m], self.labels[:m])


def load(n_x: int, source: str | None) -> Samples:
    """60,000 samples of `n_x` inputs: of a folder of IDX files, `DENSE`, or synthetic digits."""
    if source == DENSE:
        return dense(n_x, MOST)
    return read(source) if source else synthetic(n_x, MOST)


@cache
def read(folder: str) -> Samples:
    """The training samples of a folder of IDX files."""
    # Not before: where other libraries are timed from their start, xpnet is not loaded.
    from xpnet import data

    dataset = data.load(folder)
    X = dataset.X_train.astype(np.float32) / np.float32(255)
    return Samples(X, dataset.y_train.astype(np.int64))


@cache
def dense(n_x: int, m: int) -> Samples:
    """Samples of which no number is 0, each half its class's and half its own."""
    rng = np.random.default_rng(0)
    prototypes = 1 - rng.random((CLASSES, n_x), np.float32)
    labels = rng.integers(CLASSES, size=m)
    X = np.empty((m, n_x), np.float32)
    for start in range(0, m, 4_096):
        rows = slice(start, start + 4_096)
        X[rows] = (rng.random(X[rows].shape, np.float32) + prototypes[labels[rows]]) / 2
    return Samples(X, labels)


@cache
def synthetic(n_x: int, m: int) -> Samples:
    """Samples like handwritten digits: a fifth of the inputs lit, those at the border almost never.

    Inputs that are seldom lit matter to speed: Adam's moments of their weights decay to denormal
    numbers, with which processors are slow.
    """
    rng = np.random.default_rng(0)
    similar = 4 / n_x**0.5
    lit = np.exp(-6 * np.linspace(-1, 1, n_x) ** 2) / 2
    prototypes = rng.random((CLASSES, n_x)) < lit
    labels = rng.integers(CLASSES, size=m)
    X = np.empty((m, n_x), np.float32)
    for start in range(0, m, 4_096):
        rows = slice(start, start + 4_096)
        keep, stray, X[rows] = rng.random((3, *X[rows].shape), np.float32)
        X[rows] *= np.where(keep < similar, prototypes[labels[rows]], stray < lit)
    return Samples(X, labels)
