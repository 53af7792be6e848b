"""Blocks of a batch: samples whose gradients are made by themselves, and added to the others'."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

__all__ = ["block_of", "blocks_in", "lengths_of", "whole"]

FEWEST, MANY = 512, 1024
"""Samples of a batch from which on there are two blocks, and four: with fewer, starting workers and
what they wait for each other took as long as they saved, in trainings of a hundred steps."""
ENOUGH = 2**22
"""Multiplications of a step below which there is one block: threads would wait for each other."""
LARGE = 2**20
"""Weights of a network from which on there is one block: each has gradients of its own."""
EVEN = 8
"""Samples that the length of a block is a multiple of: of more products then, one thread and all
give the same bits."""


@lru_cache(maxsize=256)
def block_of(sizes: Sequence[int], m: int) -> int:
    """How many samples of a batch of m a block has: by shapes alone, as results depend on it.

    The last block has what is left.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the inputs first.
    m : int
    """
    weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    if m < FEWEST or 3 * m * weights < ENOUGH or weights >= LARGE:
        return m
    blocks = 2 if m < MANY else 4
    return -(-m // (blocks * EVEN)) * EVEN


def whole(m: int) -> int:
    """The same where samples stay together."""
    return m


def blocks_in(m: int, block: int) -> int:
    """How many blocks of that length there are."""
    return -(-m // block)


def lengths_of(m: int, block: int) -> set[int]:
    """How many samples the blocks have."""
    return {block, m - (blocks_in(m, block) - 1) * block}
