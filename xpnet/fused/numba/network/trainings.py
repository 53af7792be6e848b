"""Runs of many trainings at once, each with one thread of the BLAS.

Those of one form on the same samples in the same order are made as one group. Each leaves what it
would by itself, to the bit, where the BLAS has the same for one thread and all; a group is made
only where a product for all has the bits of those for each.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from xpnet._interrupts import deferred_signals
from xpnet.fused.numba.blas import AS_IT_IS, TRANSPOSED, number_of_threads, product, routine
from xpnet.fused.numba.network.loop import Room
from xpnet.fused.numba.network.run import RunProgram
from xpnet.fused.numba.network.step import is_thin
from xpnet.fused.numba.threads import prefer_one
from xpnet.types import Array, PreparedRun, SideBySide

Arguments: TypeAlias = tuple[Array, RunProgram, dict[str, Array]]

MOST = 8
"""Networks of a group, whose layers and moments are to lie in the cache."""

KEY = [
    *("update", "X", "Y", "weight", "order", "weights", "epochs", "length", "size", "steps"),
    *("P", "parts"),
]
"""What is the same in the rows of a group, beside their networks."""


@contextmanager
def side_by_side() -> Iterator[SideBySide]:
    """Yield what makes runs, on as many threads as the BLAS has."""
    threads = _number()
    with ThreadPoolExecutor(threads) as pool:

        def make(runs: Sequence[PreparedRun]) -> None:
            with deferred_signals(), _one_each():
                list(pool.map(_make, groups_of([run.arguments for run in runs])))

        yield make
    prefer_one()


_lock = threading.Lock()
_numbers: list[int] = []  # of threads, as it was, for each who has the BLAS use one


def _number() -> int:
    """How many threads the BLAS has when nobody has it use one."""
    return _numbers[0] if _numbers else number_of_threads()[0]()


@contextmanager
def _one_each() -> Iterator[None]:
    """Context in which the BLAS uses one thread for each that calls it, whoever else wants that.

    The number is the process's: it is as it was when the last one has left.
    """
    set_ = number_of_threads()[1]
    with _lock:
        _numbers.append(_number())
        set_(1)
    try:
        yield
    finally:
        with _lock:
            number = _numbers.pop()
            if not _numbers:
                set_(number)


def _make(group: Sequence[Arguments]) -> None:
    """The runs of one group."""
    rows, (program, *_) = np.concatenate([row for row, *_ in group]), group[0][1:]
    _own.room.train(rows, program.like)


class _Own(threading.local):
    """Of each thread."""

    def __init__(self) -> None:
        self.room = Room()


_own = _Own()


def groups_of(calls: Sequence[Arguments]) -> list[list[Arguments]]:
    """Runs that can be made as some, in groups that the cache has room for; others one by one."""
    alike: dict[Any, list[Arguments]] = {}
    for call in calls:
        alike.setdefault(_in_common(*call), []).append(call)
    groups = []
    for some in alike.values():
        count = -(-len(some) // MOST)
        size = -(-len(some) // count)
        parts = [some[i : i + size] for i in range(0, len(some), size)]
        for part in parts:
            groups += [part] if _may_be_some(part) else [[one] for one in part]
    return groups


def _in_common(row: Array, program: RunProgram, arrays: dict[str, Array]) -> tuple[Any, ...]:
    """What runs have in common that can be made as some: network, kind of update, samples, order."""
    if is_thin(program.net):
        return (id(program),)
    return program.net, row[KEY].item()


def _may_be_some(part: Sequence[Arguments]) -> bool:
    """Whether products of all give the bits that those of each give."""
    row, program, _ = part[0]
    size, length = int(row["size"][0]), int(row["length"][0])
    shape = len(part), program.net.sizes[1], program.n_x
    sizes = {min(size, length), length % size} - {0}
    return len(part) == 1 or all(_agree(*shape, m, program.dtype) for m in sizes)


@lru_cache(maxsize=256)
def _agree(K: int, n: int, n_x: int, m: int, dtype: Any) -> bool:
    rng, blas = np.random.default_rng(0), routine(dtype)
    W, dZ, X = (rng.random(shape, dtype) for shape in ((K * n, n_x), (K * n, m), (m, n_x)))
    for A, op, C in ((W, TRANSPOSED, np.empty_like(dZ)), (dZ, AS_IT_IS, np.empty_like(W))):
        product(blas, A, AS_IT_IS, X, op, C)
        for k in range(K):
            own, expected = A[k * n : (k + 1) * n], C[k * n : (k + 1) * n]
            found = np.empty_like(expected)
            product(blas, own, AS_IT_IS, X, op, found)
            if (found != expected).any():
                return False
    return True
