"""Reasons why the epochs of a training are made by themselves, not beside those of others."""

from __future__ import annotations

from collections.abc import Sequence

from xpnet.train.epochs import EpochLoop
from xpnet.train.stacked import is_large
from xpnet.types import Batches


def why_alone(loop: EpochLoop, epochs: Sequence[Batches]) -> str:
    """Why it has no run to be made beside others, and is in no stack, as far as that is known."""
    settings = loop.settings
    reasons = {
        "a callback hears of each step": not loop.in_runs,
        "its samples are not shuffled": any(batches.order is None for batches in epochs),
        "its loss is a function of its own": settings.value_and_grad is not None,
        "its kernels are given": settings.kernels is not None,
        "its optimiser does more than one update, such as to clip gradients": not hasattr(
            settings.optimizer.apply, "kernel"
        ),
        "a processor is busy with a network as large": is_large(loop),
        "no other is of its form, or there is no compiled run for such networks": True,
    }
    return next(reason for reason, holds in reasons.items() if holds)
