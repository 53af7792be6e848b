"""Blocks of a batch: samples that go forward and back by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

__all__ = ["EACH", "LEAST", "block_of", "blocks_in", "weights_of"]

LENGTHS = 64, 32, 16
"""Samples of a block: whole registers, and few enough that a layer's matrices lie in the cache."""
FOUR = 4
"""Blocks that there are to be at least, where they may be so long: as many workers may have one."""
EACH = 2**18
"""Samples times weights of a step for each worker: with less, they wait longer than they work."""
LEAST = 2 * EACH
"""The same of a step that there may be two for; with less, blocks are as long as may be."""


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
    if m * weights_of(sizes) < LEAST:
        return LENGTHS[0]
    return next((length for length in LENGTHS if m >= FOUR * length), LENGTHS[-1])


def blocks_in(m: int, block: int) -> int:
    """How many blocks of that length there are."""
    return -(-m // block)


@lru_cache(maxsize=256)
def weights_of(sizes: Sequence[int]) -> int:
    """How many weights a network has: each is multiplied by each sample, forward and twice back.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the inputs first.
    """
    return sum(n_in * n_out for n_in, n_out in pairwise(sizes))
