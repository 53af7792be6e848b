"""Runs of many trainings at once, each with one thread of the BLAS.

Those of one network on the same samples in the same order are made as one group, whose batches are
gathered once. Each leaves what it would by itself, to the bit, where the BLAS has the same for one
thread and all.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeAlias

from xpnet._cores import cores
from xpnet._interrupts import deferred_signals
from xpnet.fused.numba.network.loop import Room, of_thread, table_of
from xpnet.fused.numba.network.run import RunProgram
from xpnet.fused.numba.network.table import NETWORKS, ROW
from xpnet.fused.numba.products.blas import number_of_threads
from xpnet.fused.numba.threads.blocks import weights_of
from xpnet.fused.numba.threads.trial import prefer_one
from xpnet.types import Array, PreparedRun, SideBySide

Arguments: TypeAlias = tuple[tuple[float, ...], RunProgram, dict[str, Array]]

SOON = 2**22
"""Work of some runs up to which they are made at once: to wake a thread, and to have one's turn in
Python back from it, takes about as long."""

OF_STEP = 2**12
"""Samples times weights for which there would be as much time as a step takes beside these."""

SWITCH = 2e-4
"""Seconds after which a thread whose run is made gets its turn in Python: by default 5 ms, in which
it could make the next one."""

IN_COMMON = (
    *("gradients", "update", "X", "Y", "weight", "order", "weights", "epochs", "length", "size"),
    *("steps", "P", "zeros"),
)
"""Of a row, what is the same in all of a group, beside their network."""
in_common: Any = itemgetter(*map((ROW.names or ()).index, IN_COMMON))


@contextmanager
def side_by_side() -> Iterator[SideBySide]:
    """Yield what makes runs, on as many threads as the BLAS has and there are cores for.

    Those that are soon made are made here, as they are given.
    """
    try:
        with ThreadPoolExecutor(min(_number(), cores())) as pool:
            yield partial(_round, pool)
    finally:
        of_thread.room = Room()  # costs were computed in, and this thread may stay
    prefer_one()


@contextmanager
def _round(pool: Executor) -> Iterator[Callable[[Sequence[PreparedRun]], Callable[..., bool]]]:
    """Context in which runs are given to the threads, and which ends when all are made."""
    futures: list[Future[None]] = []

    def submit(runs: Sequence[PreparedRun]) -> Callable[..., bool]:
        groups = groups_of([run.arguments for run in runs])
        if sum(map(_work, groups)) < SOON:
            while groups:
                _make(groups.pop())
        own = [pool.submit(_make, group) for group in groups]
        futures.extend(own)
        return partial(_wait_for, own)

    with one_each():
        try:
            yield submit
        finally:
            wait(futures)
    _wait_for(futures)


def _wait_for(futures: Sequence[Future[None]], timeout: float | None = None) -> bool:
    """Wait until all are done, and raise the error of the first that failed; whether they are."""
    if wait(futures, timeout).not_done:
        return False
    for future in futures:
        future.result()
    return True


_lock = threading.Lock()
_before: list[tuple[int, float]] = []  # threads and interval, for each who has the BLAS use one


def _number() -> int:
    """How many threads the BLAS has when nobody has it use one."""
    return _before[0][0] if _before else number_of_threads()[0]()


@contextmanager
def one_each() -> Iterator[None]:
    """Context in which the BLAS uses one thread for each that calls it, whoever else wants that.

    And in which threads soon have their turn. Both are the process's: they are as they were when
    the last one has left. An interrupt finds each change made or not begun.
    """
    entered: list[bool] = []
    try:
        with deferred_signals():
            _enter(entered)
        yield
    finally:
        try:
            with deferred_signals():
                _leave(entered)
        finally:  # an interrupt may come before they are deferred
            _leave(entered)


def _enter(entered: list[bool]) -> None:
    with _lock:
        entered.append(True)
        _before.append(_before[0] if _before else (_number(), sys.getswitchinterval()))
        number_of_threads()[1](1)
        sys.setswitchinterval(SWITCH)


def _leave(entered: list[bool]) -> None:
    """Leave, unless that was done."""
    with _lock:
        if not entered:
            return
        entered.clear()
        number, interval = _before.pop()
        if not _before:
            number_of_threads()[1](number)
            sys.setswitchinterval(interval)


def _work(group: Sequence[Arguments]) -> int:
    """Samples times weights of all the steps of a group, and what each step takes beside them."""
    _, program, arrays = group[0]
    of_one = arrays["order"].size * weights_of(program.net.sizes)
    return int(len(group) * (of_one + arrays["costs"].size * OF_STEP))


def _make(group: Sequence[Arguments]) -> None:
    """The runs of one group."""
    rows, (_, program, _) = table_of([row for row, *_ in group]), group[0]
    of_thread.room.enter(rows, program.like, 1)
    of_thread.room.train(rows, program.like, 1)


def groups_of(calls: Sequence[Arguments], threads: int = 1) -> list[list[Arguments]]:
    """Runs of one network on the same samples in the same order, no more than `NETWORKS` together.

    They are as many as there are `threads`, or some times as many, where enough runs are alike.
    """
    alike: dict[Any, list[Arguments]] = {}
    for row, program, arrays in calls:
        key = program.net, *in_common(row)
        alike.setdefault(key, []).append((row, program, arrays))
    groups = []
    for some in alike.values():
        number = min(-(-len(some) // (NETWORKS * threads)) * threads, len(some))
        ends = (len(some) * i // number for i in range(number + 1))
        groups += [some[begin:end] for begin, end in pairwise(ends)]
    return groups
