"""Trainings whose epochs are made by others: what comes next of each, their ends and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TypeAlias

from xpnet.train.epochs import EpochLoop
from xpnet.train.together.stacked import is_large
from xpnet.train.training import Rounds
from xpnet.types import Batches, PreparedRun

Watch: TypeAlias = Callable[[int], AbstractContextManager[None]]

Coming: TypeAlias = tuple[EpochLoop, list[Batches]]
"""A training, and what it is to be trained on next."""

Epochs: TypeAlias = dict[int, Coming]
"""What each training is to be trained on next, by its number."""


def next_epochs(trainings: Sequence[Rounds], numbers: Iterable[int], watch: Watch) -> Epochs:
    """The next epochs of each; none of one that has ended."""
    epochs = {}
    for k in numbers:
        with watch(k):
            try:
                epochs[k] = next(trainings[k])
            except StopIteration as end:
                if end.value == "interrupted":
                    raise KeyboardInterrupt from None
    return epochs


def train(
    trainings: Sequence[Rounds],
    epochs: Epochs,
    watch: Watch,
    made: dict[int, PreparedRun],
    on_alone: Callable[[int, str], object],
) -> None:
    """Enter the epochs that are made, and make the others one after another."""
    for k, (loop, batches) in epochs.items():
        with watch(k):
            try:
                if k in made:
                    loop.enter_prepared(batches, made[k])
                else:
                    if not loop.history:
                        on_alone(k, _why_alone(loop))
                    loop.train(batches)
            except Exception as error:
                fail(trainings[k], error)


def fail(training: Rounds, error: Exception) -> None:
    """End a training, which is watched, by an error of its epochs."""
    with suppress(StopIteration):
        training.throw(error)


def _why_alone(loop: EpochLoop) -> str:
    """Why it has no run to be made beside others, and is in no stack, as far as that is known."""
    settings = loop.settings
    reasons = {
        "a callback hears of each step": not loop.in_runs,
        "its kernels are given": settings.kernels is not None,
        "its optimiser does more than one update, such as to clip gradients": not hasattr(
            settings.optimizer.apply, "kernel"
        ),
        "a processor is busy with a network as large": is_large(loop),
        "no other is of its form, or too few to gain by it, or there is no compiled run or no "
        "memory for them": True,
    }
    return next(reason for reason, holds in reasons.items() if holds)
