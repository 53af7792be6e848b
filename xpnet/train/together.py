"""Trainings side by side: an epoch of each, and again, until the last one has ended."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeAlias

from xpnet.network.defaults import accelerator_for
from xpnet.train.epochs import EpochLoop, Rounds
from xpnet.types import Array, Batches, SideBySide, tensors

Watch: TypeAlias = Callable[[int], AbstractContextManager[None]]

COPIES = 8
"""Of its parameters that a training may need: before and after a step, gradients, moments."""


def together(
    trainings: Sequence[Rounds],
    like: Array,
    watch: Watch,
    *,
    limit: float = math.inf,
    on_round: Callable[[int], object] = lambda waiting: None,
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
    limit : float
        Bytes that trainings which go on may need, beside their samples. One of them goes on in any
        case; others begin when there is room.
    on_round : function, optional
        Called after each epoch with the number of trainings that still wait.
    """
    waiting = deque(range(len(trainings)))
    going: dict[int, float] = {}  # with the bytes that each needs
    side_by_side = accelerator_for(like).side_by_side
    with nullcontext() if side_by_side is None else side_by_side() as make:
        while going or waiting:
            epochs = _next_epochs(trainings, going, watch)
            going = {k: going[k] for k in epochs}
            while waiting and (not going or sum(going.values()) < limit):
                k = waiting.popleft()
                begun = _next_epochs(trainings, (k,), watch)
                epochs |= begun
                going |= {k: _bytes(loop) for k, (loop, _) in begun.items()}
            _train(trainings, epochs, watch, make)
            on_round(len(waiting))


def _next_epochs(
    trainings: Sequence[Rounds], numbers: Iterable[int], watch: Watch
) -> dict[int, tuple[EpochLoop, Batches]]:
    """The next epoch of each; none of one that has ended."""
    epochs = {}
    for k in numbers:
        with watch(k):
            epoch = next(trainings[k], None)
            if epoch is not None:
                epochs[k] = epoch
    return epochs


def _bytes(loop: EpochLoop) -> float:
    """About what a training needs: its parameters some times, and what a batch is in each layer."""
    sizes, steps = loop.run.net.sizes, loop.run.steps_per_epoch
    batch = -(-loop.run.m // steps) * (sizes[0] + sizes[-1] + 3 * sum(sizes[1:]))
    size = sum(math.prod(tensor.shape) for tensor in tensors(loop.params))
    return float(loop.params[0].W.dtype.itemsize * (COPIES * size + batch))


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
