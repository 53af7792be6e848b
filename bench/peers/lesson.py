"""Lessons: training until an accuracy on test samples is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.samples import Samples

MOST_EPOCHS = 100

Over = Callable[[np.ndarray], bool]
"""From the labels predicted after an epoch to whether it was the last: `Exam.over`."""


@dataclass(frozen=True)
class Lesson:
    """A network to train with Adam until it is right on the share `goal` of the test samples.

    `file` holds the samples, a whole number of batches, and the first weights: whoever learns
    needs NumPy and his own library. The rest is as in a `Cell`.
    """

    sizes: tuple[int, ...]
    batch: int
    goal: float
    seed: int
    file: str

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.file) as arrays:
            return dict(arrays)

    @property
    def samples(self) -> Samples:
        return Samples(self._arrays["X"], self._arrays["labels"])

    @property
    def test(self) -> Samples:
        return Samples(self._arrays["X_test"], self._arrays["labels_test"])

    def first_weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """``W (n_out, n_in)`` and ``b (n_out,)`` of each layer."""
        layers = range(len(self.sizes) - 1)
        return [(self._arrays[f"W{n}"], self._arrays[f"b{n}"]) for n in layers]

    def orders(self) -> Iterator[np.ndarray]:
        """The samples' numbers of each batch, epoch after epoch."""
        rng = np.random.default_rng(self.seed)
        m = len(self.samples.labels)
        while True:
            yield rng.permutation(m).reshape(-1, self.batch)


class Exam:
    """Asked after each epoch, says whether training ends: at the goal, or after 100 epochs."""

    def __init__(self, lesson: Lesson) -> None:
        self._goal, self._labels = lesson.goal, lesson.test.labels
        self.epochs, self.accuracy = 0, 0.0

    @property
    def passed(self) -> bool:
        return self.accuracy >= self._goal

    def over(self, predicted: np.ndarray) -> bool:
        self.epochs += 1
        self.accuracy = float(np.mean(predicted == self._labels))
        return self.passed or self.epochs == MOST_EPOCHS


def write(
    path: Path, samples: Samples, test: Samples, weights: Sequence[tuple[np.ndarray, np.ndarray]]
) -> None:
    """The file of a lesson."""
    layers = {f"W{n}": W for n, (W, _) in enumerate(weights)}
    layers |= {f"b{n}": b for n, (_, b) in enumerate(weights)}
    X, labels = samples
    np.savez(path, X=X, labels=labels, X_test=test.X, labels_test=test.labels, **layers)
