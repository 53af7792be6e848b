"""Blocks of a batch: samples whose gradients are made by themselves, and added to the others'."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

__all__ = ["blocks_of", "lengths_of", "one_block"]

FEWEST, MANY = 32, 1024
"""Samples of a batch from which on there are two blocks, and four."""
ENOUGH = 2**22
"""Multiplications of a step from which on there are: in less, threads wait for each other."""
CACHED, LARGE = 2**17, 2**21
"""Parameters whose gradients stay in a core's cache: each block has its own, which are written and
read again. Of more, a block is of more samples; of a large network there is one."""
LONGER = 64
"""Samples of a block of a network of more than `CACHED`, at the least."""


@lru_cache(maxsize=256)
def blocks_of(sizes: Sequence[int], m: int) -> int:
    """How many blocks a batch of m samples is of: by shapes alone, as results depend on it.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the inputs first.
    m : int
    """
    weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    if m < FEWEST or 3 * m * weights < ENOUGH or weights >= LARGE:
        return 1
    if weights > CACHED and m < 2 * LONGER:
        return 1
    return 2 if m < MANY else 4


def one_block(m: int) -> int:
    """The same where samples stay together."""
    return 1


def lengths_of(m: int, blocks: int) -> set[int]:
    """Of how many samples the blocks are."""
    length = -(-m // blocks)
    return {length, m - (blocks - 1) * length}
