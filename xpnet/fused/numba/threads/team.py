"""Workers of a training: how many threads make its steps together, by trials under a clock.

One worker alone has the same bits as some, so a clock may decide. Alone on a machine some are
faster, where a step is long enough; beside other busy processes each waits for its turn on a core
and the others wait for it, and one may be faster by far.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from xpnet.fused.numba.blas import end_threads
from xpnet.fused.numba.threads.alone import is_alone
from xpnet.fused.numba.threads.blocks import block_of, blocks_in
from xpnet.fused.numba.threads.cores import cores
from xpnet.fused.numba.threads.number import prefer
from xpnet.fused.numba.threads.trial import LONGEST, Trial
from xpnet.fused.numba.threads.work import weights_of

__all__ = ["Team"]

EACH = 2**18
"""Samples times weights of a step for each worker: with less, they wait longer than they work."""
WORTH = 2**23
"""The same of some steps from which on workers are started for them; fewer are soon made by one."""
HEAVY, LATER = 2**26, 0.25
"""The same of a step that begins with all workers, and seconds after which its first trial comes:
one step by one worker is felt in a short training, and a wait is not in such a step."""
MOST_FORMS = 64
"""Forms of network whose last trial is remembered."""

_trials: dict[Any, Trial] = {}  # for layers, and whether there may be some workers


class Team:
    """The choice of one training loop, looked at again from time to time.

    It goes on with what was found, and with the trial, of the last loop of the same form.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the inputs first; empty of a network that one thread trains.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.has_run = False

    def most(self, m: int) -> int:
        """How many workers there may be for a batch of m samples."""
        work = m * weights_of(self.sizes)
        if work < 2 * EACH or cores() == 1:
            return 1
        return min(cores(), work // EACH, blocks_in(m, block_of(self.sizes, m)))

    def parts(self, steps: int, m: int) -> Iterator[tuple[slice, int]]:
        """The parts of so many steps of batches of m samples, and for each how many workers.

        There is one part, but during a trial.
        """
        most = self.most(m)
        if most == 1 or not is_alone():
            yield slice(0, steps), 1
            return
        trial, work = self._trial(m), m * weights_of(self.sizes)
        first, is_first, self.has_run = 0, not self.has_run, True  # which is slow by itself
        while first < steps:
            one, count = trial.one, steps
            if is_tried := not is_first and trial.is_due():
                one, count = trial.next()
            count = min(count, steps - first)
            workers = 1 if one or not (is_tried or count * work >= WORTH) else most
            if workers > 1:
                end_threads()  # which would keep their cores
            began = time.perf_counter()
            yield slice(first, first + count), workers
            first += count
            part = m, count, time.perf_counter() - began
            if is_tried and trial.enter(one, *part):
                prefer(trial.one, trial.due + LONGEST)
            elif workers > 1 and not (is_tried or is_first):
                trial.keep(*part)

    def _trial(self, m: int) -> Trial:
        """That of this form; one begins with one worker, or with all where a step takes long."""
        if self.sizes not in _trials:
            one = m * weights_of(self.sizes) < HEAVY
            if len(_trials) == MOST_FORMS:
                _trials.clear()
            _trials[self.sizes] = Trial(one, 0.0 if one else time.perf_counter() + LATER)
        return _trials[self.sizes]
