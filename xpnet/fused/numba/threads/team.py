"""Workers of a training: how many threads make its steps together, by trials under a clock.

One worker alone has the same bits as some, so a clock may decide. Alone on a machine some are
faster, where a step is long enough; beside other busy processes each waits for its turn on a core
and the others wait for it, and one may be faster by far.
"""

from __future__ import annotations

from collections.abc import Iterator

from xpnet.fused.numba.products.blas import end_threads
from xpnet.fused.numba.threads.alone import is_alone
from xpnet.fused.numba.threads.blocks import EACH, LEAST, block_of, blocks_in, weights_of
from xpnet.fused.numba.threads.number import all_threads
from xpnet.fused.numba.threads.trial import parts, trial_of

__all__ = ["Team"]

WORTH = 2**23
"""Samples times weights of some steps from which on workers are started for them; fewer are soon
made by one."""


class Team:
    """The choice of one training loop, looked at again from time to time.

    It goes on with what was found, and with the trial, of the last loop of the same form.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the inputs first.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes
        self.has_run = False

    def most(self, m: int) -> int:
        """How many workers a batch of m samples may have, no more than the BLAS has threads."""
        work = m * weights_of(self.sizes)
        if work < LEAST:
            return 1
        return min(all_threads(), work // EACH, blocks_in(m, block_of(self.sizes, m)))

    def parts(self, steps: int, m: int) -> Iterator[tuple[slice, int]]:
        """The parts of so many steps of batches of m samples, and for each how many workers."""
        most, work = self.most(m), m * weights_of(self.sizes)
        if most == 1 or steps * work < WORTH or not is_alone():
            yield slice(0, steps), 1
            return
        is_first, self.has_run = not self.has_run, True
        for part, one in parts(trial_of(self.sizes, work), steps, m, is_first):
            if not one:
                end_threads()  # which would keep their cores
            yield part, 1 if one else most
