"""Loop over long vectors, a part of them in each of some threads.

One core cannot read and write as fast as the memory can. A loop that treats entry by entry has the
same results in parts, to the bit. The threads end with the loop: none waits beside the BLAS's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any

from xpnet._interrupts import deferred_signals
from xpnet.types import Array

LONG = 2**20
"""Entries for which it pays to begin another thread."""

ALIGNED = 16  # entries of a cache line: no two threads write to one


def in_parts(call: Callable[..., Any], vectors: Sequence[Array], threads: int) -> None:
    """``call(*vectors)`` in at most so many threads, each with `LONG` entries or more.

    Ctrl-C waits for its end; what a part raises is raised then.

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
    with deferred_signals():
        others = [_begun(call, part) for part in parts[1:]]
        try:
            call(*parts[0])
        finally:
            wait(others)
    for other in others:
        other.result()


def _begun(call: Callable[..., Any], part: Sequence[Array]) -> Future[None]:
    """The call in another thread; in this one, where there may be no more of them."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            future.set_result(call(*part))
        except BaseException as error:
            future.set_exception(error)

    try:
        Thread(target=run).start()
    except RuntimeError:  # by a limit of the system, or as the program ends
        run()
    return future
