"""Trainings side by side: an epoch of each, and again, until the last one has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from xpnet.network.defaults import accelerator_for
from xpnet.train.epochs import EpochLoop, Rounds
from xpnet.types import Array, Batches

if TYPE_CHECKING:
    from xpnet.fused import SideBySide

Watch = Callable[[int], AbstractContextManager[None]]


def together(
    trainings: Sequence[Rounds], like: Array, watch: Watch, on_round: Callable[[Sequence[int]], None]
) -> None:
    """Train all to their ends, each as if it were alone.

    Parameters
    ----------
    trainings : sequence of Rounds
        Those that have ended cost nothing more.
    like : array
        Of the library that all compute with.
    watch : function ``number -> context``
        What is done for a training by itself, but the epochs, is done within its context. One that
        lets no error out thereby ends this training alone.
    on_round : function ``numbers -> None``
        Called before each epoch, with the numbers of the trainings that go on.
    """
    side_by_side = accelerator_for(like).side_by_side
    going: Sequence[int] = range(len(trainings))
    with nullcontext() if side_by_side is None else side_by_side() as make:
        while going:
            epochs = {}
            for k in going:
                epoch = None
                with watch(k):
                    epoch = next(trainings[k], None)
                if epoch is not None:
                    epochs[k] = epoch
            going = list(epochs)
            on_round(going)
            _train(trainings, epochs, watch, make)


def _train(
    trainings: Sequence[Rounds],
    epochs: dict[int, tuple[EpochLoop, Batches]],
    watch: Watch,
    make: SideBySide | None,
) -> None:
    """One epoch of each: what can be made side by side, then one after another."""
    prepared = {}
    if make is not None:
        known: dict[Any, Any] = {}
        runs = {k: loop.prepared(batches, known) for k, (loop, batches) in epochs.items()}
        prepared = {k: run for k, run in runs.items() if run is not None}
        make(list(prepared.values()))
    for k, (loop, batches) in epochs.items():
        try:
            if k in prepared:
                loop.enter_prepared(batches, prepared[k])
            else:
                loop.train(batches)
        except Exception as error:
            with watch(k), suppress(StopIteration):
                trainings[k].throw(error)
