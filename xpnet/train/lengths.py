"""Lengths of runs: how many steps or epochs there is time for, by the time of those before."""

from __future__ import annotations

from xpnet.types import Params, Run, count

TICK = 1e-9
"""Seconds that any run takes, where the clock stands still, as it does for some tests of users."""

PACE = 1e9
"""Multiplications a second that any machine makes, by which the first run is cut."""

GROWTH = 16
"""Times as many steps or epochs may be one run as were before, by whose time it is cut."""


def fitting(epochs: int, seconds: float, limit: float) -> int:
    """For how many epochs there is time until a limit, where so many took these seconds."""
    return min(int(limit * epochs / max(seconds, TICK)), GROWTH * epochs)


def first_count(run: Run, params: Params, limit: float) -> int:
    """How many steps keep to a limit in seconds wherever it is: forward, and back to W and to A."""
    size = -(-run.m // run.steps_per_epoch)
    return max(1, int(limit * PACE / (3 * size * count(params))))
