"""Seconds from the start of a process to an accuracy on test samples, its imports included."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

import xpnet
from bench.peers import lesson
from bench.peers.lesson import Lesson
from bench.peers.tasks import Peer
from bench.peers.worker import PeerError, Worker
from bench.samples import Samples

TASK = "accuracy"
SEEDS = 3
SPLIT = 1
"""Seed of the digits' split. In that of 0, 97 % is about the most that any such network reaches."""

Say = Callable[[str], None]


class Goal(NamedTuple):
    """An accuracy on the test samples of a dataset, for a network in batches of `batch`."""

    accuracy: float
    dataset: str
    sizes: tuple[int, ...]
    batch: int


DIGITS = Goal(0.97, "digits", (64, 128, 10), 16)


def goals(folder: str | None) -> list[Goal]:
    """97 % on the digits that come with xpnet; where there is a folder of MNIST, 98 % on it."""
    return [DIGITS, *([Goal(0.98, folder, (784, 128, 10), 128)] if folder else [])]


def measure(goal: Goal, peers: Sequence[Peer], seeds: int, say: Say) -> dict[str, Any]:
    """Each peer, seed after seed, in a process of its own that nothing runs beside.

    Returns
    -------
    dict
        As `bench.peers.measure.measure`: ``seconds`` and ``best`` are for the whole run, None where
        the goal was not reached, as in ``rounds``; ``epochs`` is their median.
    """
    samples, test = parts(goal)
    able = list(peers)
    done: dict[str, list[tuple[float, int]]] = {peer.name: [] for peer in peers}
    with TemporaryDirectory() as folder:
        for seed in range(seeds):
            path = Path(folder, "lesson.npz")
            lesson.write(path, samples, test, first_weights(goal.sizes, seed))
            given = Lesson(goal.sizes, goal.batch, goal.accuracy, seed, str(path))
            for peer in tuple(able):
                try:
                    done[peer.name].append(_learned(peer, given))
                except PeerError as error:
                    say(f"{peer.name} left out: {error}")
                    able.remove(peer)
    return {
        "task": TASK,
        "unit": "run",
        "goal": goal.accuracy,
        "dataset": Path(goal.dataset).resolve().name,
        "sizes": goal.sizes,
        "batch": goal.batch,
        "samples": len(samples.labels),
        "epochs": lesson.MOST_EPOCHS,
        "rows": [_row(peer, done[peer.name]) for peer in able],
    }


def parts(goal: Goal) -> Iterator[Samples]:
    """Samples to train on, a whole number of batches, and samples to test on."""
    dataset = xpnet.data.load(goal.dataset)
    if dataset.X_test is None:
        dataset = xpnet.data.split(dataset, seed=SPLIT)
    m = len(dataset.X_train) // goal.batch * goal.batch
    parts = (dataset.X_train[:m], dataset.y_train[:m]), (dataset.X_test, dataset.y_test)
    for X, labels in parts:
        yield Samples(X.astype(np.float32) / np.float32(dataset.pixel_max), labels)


def first_weights(sizes: tuple[int, ...], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    params = xpnet.Network(sizes, output="softmax").init(seed=seed, xp="numpy", dtype="float32")
    return [(W, b[:, 0]) for W, b in params]


def _learned(peer: Peer, lesson: Lesson) -> tuple[float, int]:
    """Seconds from before the process starts, infinite where it does not learn it; and epochs."""
    start = time.perf_counter()
    worker = Worker(TASK, peer)
    try:
        answer = worker.learn(lesson)
        seconds = time.perf_counter() - start
    finally:
        worker.close()
    return (seconds if answer["passed"] else math.inf), answer["epochs"]


def _row(peer: Peer, runs: Sequence[tuple[float, int]]) -> dict[str, Any]:
    seconds, epochs = zip(*runs, strict=True)
    return {
        "peer": peer.name,
        "role": peer.role,
        "seconds": _finite(median(seconds)),
        "best": _finite(min(seconds)),
        "rounds": [_finite(number) for number in seconds],
        "cost": None,
        "epochs": median(epochs),
    }


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
