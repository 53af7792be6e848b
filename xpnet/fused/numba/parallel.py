"""Loop over long vectors, a part of them in each of some threads.

One core cannot read and write as fast as the memory can. A loop that treats entry by entry has the
same results in parts, to the bit. The threads end with the loop: none waits beside the BLAS's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

from xpnet._interrupts import deferred_signals
from xpnet.types import Array

LONG = 2**20
"""Entries for which it pays to begin another thread."""

ALIGNED = 16  # entries of a cache line: no two threads write to one


def in_parts(call: Callable[..., Any], vectors: Sequence[Array], threads: int) -> None:
    """``call(*vectors)`` in at most so many threads, each with `LONG` entries or more.

    Ctrl-C waits for its end.

    Parameters
    ----------
    call : function
        Without the GIL, of vectors that are as long as one another.
    vectors : sequence of array, shape (P,)
    threads : int
    """
    size = vectors[0].size
    length = -(-size // max(1, min(threads, size // LONG)))
    length += -length % ALIGNED
    parts = [[vector[i : i + length] for vector in vectors] for i in range(0, size, length)]
    others = [Thread(target=call, args=part) for part in parts[1:]]
    with deferred_signals():
        for other in others:
            other.start()
        call(*parts[0])
        for other in others:
            other.join()
