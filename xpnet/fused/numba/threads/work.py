"""Work of a training step: multiplications of one of its products over all layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise


@lru_cache(maxsize=256)
def weights_of(sizes: Sequence[int]) -> int:
    """How many weights a network has: each is multiplied by each sample, forward and twice back.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the inputs first.
    """
    return sum(n_in * n_out for n_in, n_out in pairwise(sizes))
