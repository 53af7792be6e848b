"""Number of threads of NumPy's BLAS while a training runs: all, or one where others use the cores.

All are those that the BLAS has, and no more than the process may use at a time, where that changes
no bit. They wait for each other at the end of every product. Alone, that is soon over. Beside other
busy processes each of them waits for its turn on a core, and two may take five times as long as
one. Which is faster now only a clock tells, and a clock must not decide about results: there is a
choice only between ways that give the same bits, and only in a program without other threads of
Python that may compute, as the number is one for the whole process. (OpenBLAS with threads of its
own, as NumPy's wheels have it, sets it for all by ``openblas_set_num_threads_local``, too.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from xpnet._cores import cores
from xpnet._interrupts import deferred_signals
from xpnet.fused.numba.products.blas import (
    ALONE,
    AS_IT_IS,
    SMALL,
    TRANSPOSED,
    number_of_threads,
    product,
    routine,
)
from xpnet.fused.numba.threads.alone import is_alone
from xpnet.fused.numba.threads.blocks import weights_of
from xpnet.fused.numba.threads.trial import is_known, parts, prefers_one, trial_of

__all__ = ["Threads", "agree", "all_threads", "at_most", "chosen"]

USUAL, MOST_SIZES = 2, 16
"""Times that a size of batch has come, and sizes of batches, for which there is a choice: to ask
whether the bits are the same takes as long as some steps."""
MODERATE = 2**25
"""Multiplications of a product outside of trainings up to which there is one: larger ones gain from
threads whatever they wait, and to ask whether the bits are the same takes long."""


class Threads:
    """The choice of one training loop, looked at again from time to time.

    It goes on with what was found, and with the trial, of the last loop of the same form.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the inputs first.
    dtype : dtype
    """

    def __init__(self, sizes: Sequence[int], dtype: Any) -> None:
        self.sizes, self.dtype = tuple(sizes), dtype
        self.widest = max((n_in * n_out for n_in, n_out in pairwise(sizes)), default=0)
        self.has_run = False
        self.seen: Counter[int] = Counter()  # of each size of batch

    def matter(self, m: int) -> bool:
        """Whether a step for m samples is to be made with a chosen number.

        Where a product is for more than one thread, and batches of that size come again: of steps
        given one by one, nobody knows whether they will, but where there was a trial before.
        """
        if self.widest * m <= SMALL or len(self.seen) > MOST_SIZES:
            return False
        self.seen[m] += 1
        return self.seen[m] >= USUAL or is_known((self.sizes, self.dtype))

    @contextmanager
    def chosen_for(self, m: int) -> Iterator[None]:
        """Context of a step for m samples, with that number of threads."""
        has = number_of_threads()[0]()
        most = min(has, cores())
        trial = trial_of((self.sizes, self.dtype), m * weights_of(self.sizes))
        # To ask whether bits agree sets the number, too.
        is_limited = most < has and _may_set() and False not in self._agree(m)
        if not self._may_choose(m, most):
            with _within(most if is_limited else None):
                yield
            return
        is_first, self.has_run = not self.has_run, True
        for _, one in parts(trial, 1, m, is_first):
            with _within(1 if one else most):
                yield

    def _may_choose(self, m: int, most: int) -> bool:
        """Whether both ways give the same bits, and do not take the same time in any case."""
        found = self._agree(m) if _may_set() and most > 1 else {False}
        return False not in found and True in found

    def _agree(self, m: int) -> set[bool | None]:
        """What `agree` says of a batch, for all the BLAS has and for our cores."""
        numbers = {all_threads(), number_of_threads()[0]()}
        return {agree(self.sizes, m, self.dtype, number) for number in numbers}


def _may_set() -> bool:
    """Whether there is a number of threads to be set, and nobody else whom it concerns."""
    return number_of_threads()[0]() > 1 and is_alone()


_parts = 0  # that are being made


@contextmanager
def _within(number: int | None) -> Iterator[None]:
    """Context of a part: with that number of the BLAS's threads, or as many as there are."""
    global _parts
    _parts += 1
    try:
        with nullcontext() if number is None else at_most(number):
            yield
    finally:
        _parts -= 1


def chosen(A: Any, B: Any) -> AbstractContextManager[None]:
    """Context for the product ``A B``: no more threads than cores, or one by the newest trial.

    Where that changes no bit, of products that are soon asked about. There are too few of them, in
    a validation, for a trial of its own; and a part of a training has its number already.
    """
    m = B.shape[1]
    if _parts or A.size * m > MODERATE:
        return nullcontext()
    most, has = all_threads(), number_of_threads()[0]()
    number = 1 if prefers_one() else most
    if number == has or not _may_set():
        return nullcontext()
    agrees = all(_product_agrees(*A.shape, m, A.dtype, each) for each in {number, most, has} - {1})
    return at_most(number) if agrees else nullcontext()


@lru_cache(maxsize=64)
def _product_agrees(n_out: int, n_in: int, m: int, dtype: Any, threads: int) -> bool:
    """The same as `agree` of one layer, also where a training would not ask.

    Of few outputs and many samples, a product too small to gain is left to all threads.
    """
    return _layer_agrees(n_in, n_out, m, dtype, threads)


def all_threads() -> int:
    """How many threads of the BLAS there may be: what it has, at most one for each of our cores."""
    return min(number_of_threads()[0](), cores())


@contextmanager
def at_most(number: int) -> Iterator[None]:
    """Context in which NumPy's BLAS uses so many threads, in the whole process.

    Ctrl-C waits for its end, or it could leave the number as it is within.
    """
    get, set_ = number_of_threads()
    with deferred_signals():
        before = get()
        set_(min(number, before))
        try:
            yield
        finally:
            set_(before)


@lru_cache(maxsize=64)
def agree(sizes: tuple[int, ...], m: int, dtype: Any, threads: int) -> bool | None:
    """Whether one thread and all give the same bits; None where no product gains from all.

    Some kernels add up the last rows and columns of a thread's share in another order: for AVX2
    they do in single precision, for AVX-512 in double precision alone, with long sums divided as by
    `product`.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the inputs first.
    m : int
        Samples of a batch.
    dtype : dtype
    threads : int
        How many there are at the most.
    """
    layers = [layer for layer in pairwise(sizes) if layer[0] * layer[1] * m > ALONE]
    if not all(_layer_agrees(*layer, m, dtype, threads) for layer in layers):
        return False
    return any(n_in * n_out * m > SMALL for n_in, n_out in layers) or None


def _layer_agrees(n_in: int, n_out: int, m: int, dtype: Any, threads: int) -> bool:
    rng = np.random.default_rng(0)
    W, A, dZ = (rng.random(shape, dtype) for shape in ((n_out, n_in), (n_in, m), (n_out, m)))
    with at_most(1):
        alone = _products(W, A, dZ)
    with at_most(threads):
        together = _products(W, A, dZ)
    return all((a == b).all() for a, b in zip(alone, together, strict=True))


def _products(W: Any, A: Any, dZ: Any) -> list[Any]:
    """Those of a layer, there and back."""
    blas: Any = routine(W.dtype)
    found = []
    for left, op_left, right, op_right in (
        (W, AS_IT_IS, A, AS_IT_IS),
        (dZ, AS_IT_IS, A, TRANSPOSED),
        (W, TRANSPOSED, dZ, AS_IT_IS),
    ):
        rows = left.shape[0 if op_left == AS_IT_IS else 1]
        C = np.empty((rows, right.shape[1 if op_right == AS_IT_IS else 0]), W.dtype)
        product(blas, left, op_left, right, op_right, C)
        found.append(C)
    return found
