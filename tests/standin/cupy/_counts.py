"""Counts of what takes time on a device: launches, allocations, reads by the host, copies to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Counts(NamedTuple):
    """What happened while it was counted, in order."""

    launches: list[str]
    allocations: list[int]  # in bytes
    reads: list[str]  # each waits for the device
    copies: list[int]  # from the host, in bytes


_COUNTING: list[Counts] = []


@contextmanager
def counted() -> Iterator[Counts]:
    """Yield the counts of what happens within."""
    counts = Counts([], [], [], [])
    _COUNTING.append(counts)
    try:
        yield counts
    finally:
        # By identity: equal counts are not the same ones.
        _COUNTING[:] = [other for other in _COUNTING if other is not counts]


def note(kind: str, what: Any) -> None:
    """Enter `what` into the counts of that kind that are being made."""
    for counts in _COUNTING:
        getattr(counts, kind).append(what)
