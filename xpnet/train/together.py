"""Trainings side by side: an epoch of each, and again, until the last one has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress

from xpnet.train.epochs import EpochLoop, Rounds
from xpnet.types import Batches

Watch = Callable[[int], AbstractContextManager[None]]


def together(
    trainings: Sequence[Rounds], watch: Watch, on_round: Callable[[Sequence[int]], None]
) -> None:
    """Train all to their ends, each as if it were alone.

    Parameters
    ----------
    trainings : sequence of Rounds
        Those that have ended cost nothing more.
    watch : function ``number -> context``
        What is done for a training by itself, but the epochs, is done within its context. One that
        lets no error out thereby ends this training alone.
    on_round : function ``numbers -> None``
        Called before each epoch, with the numbers of the trainings that go on.
    """
    going = list(range(len(trainings)))
    while going:
        epochs = {}
        for k in going:
            epoch = None
            with watch(k):
                epoch = next(trainings[k], None)
            if epoch is not None:
                epochs[k] = epoch
        on_round(list(epochs))
        _train(trainings, epochs, watch)
        going = list(epochs)


def _train(
    trainings: Sequence[Rounds], epochs: dict[int, tuple[EpochLoop, Batches]], watch: Watch
) -> None:
    """One epoch of each."""
    for k, (loop, batches) in epochs.items():
        try:
            loop.train(batches)
        except Exception as error:
            with watch(k), suppress(StopIteration):
                trainings[k].throw(error)
