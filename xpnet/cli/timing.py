"""How long calls take, measured so that they can be compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from xpnet import backend

__all__ = ["check_agreement", "interleaved_medians"]


def interleaved_medians(
    functions: Mapping[str, Callable[[], Any]], *, rounds: int = 5, at_least: float = 0.02
) -> dict[str, float]:
    """Return the median seconds of a call of each function.

    They take turns, so that whatever else the machine does falls on all alike; in a turn each is
    called until `at_least` so many seconds have gone by. A call has ended when its result is
    computed.

    Parameters
    ----------
    functions : mapping of name to function
        Without arguments; each returns arrays, in nested tuples or lists.
    rounds : int, default 5
        Turns of each function, after one that is not counted.
    at_least : float, default 0.02
        Seconds of a turn.
    """
    turns: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds + 1):
        for name, function in functions.items():
            turns[name].append(_turn(function, at_least))
    return {name: statistics.median(seconds[1:]) for name, seconds in turns.items()}


def check_agreement(results: Mapping[str, Any], tolerance: float) -> None:
    """Raise ArithmeticError unless all results are the same numbers.

    Parameters
    ----------
    results : mapping of name to arrays, in nested tuples or lists
    tolerance : float
        Largest difference allowed, as a share of an array's largest entry.
    """
    (first, expected), *others = (
        (name, [backend.to_numpy(array) for array in _arrays(result)])
        for name, result in results.items()
    )
    for name, arrays in others:
        for ours, theirs in zip(expected, arrays, strict=True):
            difference = float(np.max(np.abs(ours - theirs)))
            if not difference <= tolerance * float(np.max(np.abs(ours))):
                raise ArithmeticError(
                    f"{name} and {first} differ by {difference:.3g} where {tolerance:.0e} of the "
                    "largest entry is allowed: unequal work is not timed"
                )


def _turn(function: Callable[[], Any], at_least: float) -> float:
    calls, start = 0, time.perf_counter()
    while True:
        for array in _arrays(function()):
            backend.synchronize(array)
        calls += 1
        seconds = time.perf_counter() - start
        if seconds >= at_least:
            return seconds / calls


def _arrays(tree: Any) -> Iterator[Any]:
    if isinstance(tree, tuple | list):
        for branch in tree:
            yield from _arrays(branch)
    else:
        yield tree
