"""Training samples of any width: MNIST from its files, or synthetic ones that are as sparse."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from xpnet import data

CLASSES = 10
MOST = 60_000


class Samples(NamedTuple):
    """``X (m, n_x)`` float32 in 0 to 1, C-contiguous, and ``labels (m,)`` from 0 to 9."""

    X: np.ndarray
    labels: np.ndarray

    @property
    def one_hot(self) -> np.ndarray:
        """The labels as one-hot rows, ``(m, 10)`` float32."""
        return np.eye(CLASSES, dtype=np.float32)[self.labels]


@cache
def read(folder: str) -> Samples:
    """The training part of a folder of IDX files."""
    dataset = data.load(folder)
    X = np.ascontiguousarray(dataset.X_train, dtype=np.float32) / np.float32(255)
    return Samples(X, dataset.y_train.astype(np.int64))


@cache
def synthetic(n_x: int, m: int = MOST) -> Samples:
    """Samples like handwritten digits: a fifth of the inputs lit, the border almost never.

    Inputs that are seldom lit matter to speed: Adam's moments of their weights decay to denormal
    numbers, with which processors are slow.
    """
    rng = np.random.default_rng(0)
    place = np.linspace(-1, 1, n_x)
    lit = 0.55 * np.exp(-4 * place**2)
    prototypes = rng.random((CLASSES, n_x)) < lit
    labels = rng.integers(CLASSES, size=m)
    X = np.empty((m, n_x), np.float32)
    for rows in np.array_split(np.arange(m), -(-m // 4_096)):
        seen = prototypes[labels[rows]] & (rng.random((len(rows), n_x), np.float32) < 0.7)
        stray = rng.random((len(rows), n_x), np.float32) < 0.05 * lit
        X[rows] = (seen | stray) * rng.random((len(rows), n_x), np.float32)
    return Samples(X, labels)
