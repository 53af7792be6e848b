"""Trial of one thread against all: parts of a training that take turns, under a clock."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from statistics import median

__all__ = ["Trial", "is_known", "parts", "prefer_one", "prefers_one", "trial_of"]

SHORTEST, LONGEST = 0.1, 1.0
"""Seconds from one trial to the next: twice as many each time that nothing has changed."""
COST, MOST = 0.05, 10.0
"""The part of the time that trials may lose, and the most seconds that the next one waits for."""
COST_OF_FIRST = 0.2
"""The same part after a first trial: the machine may have been slow for just as long as that."""
COST_AT_REST, MOST_AT_REST = 0.004, 60.0
"""The same for as long as all threads are faster than one was."""
CHUNK, CHUNKS = 0.01, 3
"""Seconds of a trial at a time, and how often either way. The median counts: another core wakes up
and fills its caches first, and another program may come between."""
FIRST = 0.25
"""The part of a chunk that a way begins with which is new in a trial."""
CLEAR, SOON = 1.2, 2
"""A trial ends after so many of each where the other way takes so many times as long in its fastest
one: to change nothing needs less evidence."""
GAIN = 0.9
"""One thread, where a trial found that all are faster, must take less than this part of their time,
or chance would decide. Back to all, any gain will do: they are the faster on a machine at rest, and
on one in use one thread is so by far."""


HEAVY, LATER = 2**26, 0.25
"""Samples times weights of a step that begins with all threads, and seconds after which its first
trial comes: one step with one thread is felt in a short training, and a wait is not in such a
step."""
MOST_FORMS = 64
"""Forms of network whose last trial is remembered."""


class Trial:
    """The choice for one form of network, and the evidence for the next.

    It outlives a training loop: short trainings of one form make one trial together.

    Parameters
    ----------
    one : bool
        Whether one thread is to begin with.
    due : float
        When the first trial is to begin, by ``time.perf_counter``, if until then there is training
        alone.
    """

    def __init__(self, one: bool, due: float) -> None:
        self.one, self.due = one, due
        self.seen = time.perf_counter()
        self.wait, self.has_ended = SHORTEST, False
        self.batch, self._latest, self._pace_of_one = 0, due, 0.0
        self._kept = 0.0, 0  # seconds and steps of what was chosen, since it was looked at
        self._begin()

    def resume(self) -> None:
        """Let the time in which nothing was trained not count for when the next trial is due.

        Many short trainings would all be trials otherwise.
        """
        idle = time.perf_counter() - self.seen
        self.due, self._latest = self.due + idle, self._latest + idle

    def is_due(self) -> bool:
        """Whether it is time for a trial, or one has begun."""
        return time.perf_counter() >= self.due

    def next(self) -> tuple[bool, int]:
        """Whether the next part is to have one thread, and how many steps it is to be of."""
        of_all, of_one = self._made()
        one = of_one <= of_all
        known, other = self._chunks[one], self._chunks[not one]
        if not (known or other):
            return one, 1
        # Where this way is new, by the other's pace, and few: it may take many times as long.
        steps = CHUNK / _pace(known) if known else FIRST * CHUNK / _pace(other)
        return one, max(1, int(steps))

    def keep(self, batch: int, count: int, seconds: float) -> None:
        """Enter a part with all threads outside of trials: at their pace, the next one is put off.

        With one thread it is not, whose pace need not show that others went.
        """
        if batch != self.batch:
            return
        self._kept = seconds, steps = self._kept[0] + seconds, self._kept[1] + count
        if seconds >= 2 * CHUNK:
            if seconds < self._pace_of_one * steps:
                soon = time.perf_counter() + SHORTEST
                self.due = max(self.due, min(soon, self._latest))
            self._kept = 0.0, 0

    def enter(self, one: bool, batch: int, count: int, seconds: float) -> bool:
        """Enter a part; choose, and return true, once there was enough of them."""
        self.batch = batch
        chunks = self._chunks[one]
        # Parts that a training cuts short count together.
        before = (0.0, 0) if not chunks or _is_made(chunks[-1]) else chunks.pop()
        chunks.append((before[0] + seconds, before[1] + count))
        made = self._made()
        if min(made) < SOON:
            return False
        pace = list(map(_pace, self._chunks))
        fastest = min(seconds / count for seconds, count in self._chunks[not self.one])
        if min(made) < CHUNKS and fastest < CLEAR * pace[self.one]:
            return False
        self._choose(pace)
        return True

    def _choose(self, pace: list[float]) -> None:
        """The faster way, by the seconds of a step with all threads and with one."""
        gain = GAIN if self.has_ended and not self.one else 1.0
        changes = pace[not self.one] < gain * pace[self.one]
        self.one ^= changes
        seconds, steps = map(sum, zip(*self._chunks[not self.one], strict=True))
        lost = seconds - pace[self.one] * steps
        is_new = changes or not self.has_ended
        self.wait = SHORTEST if is_new else min(2 * self.wait, LONGEST)
        now, self._pace_of_one = time.perf_counter(), pace[True]
        cost = COST if self.has_ended else COST_OF_FIRST
        self.due = now + max(self.wait, min(lost / cost, MOST))
        self._latest = now + max(self.wait, min(lost / COST_AT_REST, MOST_AT_REST))
        self.has_ended, self._kept = True, (0.0, 0)
        self._begin()

    def _begin(self) -> None:
        """Seconds and steps of each chunk with all threads, and with one."""
        self._chunks: tuple[list[tuple[float, int]], ...] = [], []

    def _made(self) -> list[int]:
        """How many chunks with all threads, and with one, are long enough."""
        return [sum(map(_is_made, chunks)) for chunks in self._chunks]


def _is_made(chunk: tuple[float, int]) -> bool:
    return chunk[0] >= 0.5 * CHUNK


def _pace(chunks: list[tuple[float, int]]) -> float:
    """Seconds of a step, by the median chunk."""
    return median(seconds / count for seconds, count in chunks)


_trials: dict[Hashable, Trial] = {}
_newest = [False, 0.0]  # whether the newest trial chose one thread, and until when that counts


def trial_of(form: Hashable, work: int) -> Trial:
    """That of this form of network; one begins with one thread, or with all where a step is long.

    Parameters
    ----------
    form : hashable
    work : int
        Samples times weights of a step.
    """
    if form not in _trials:
        one = work < HEAVY
        if len(_trials) == MOST_FORMS:
            _trials.clear()
        _trials[form] = Trial(one, 0.0 if one else time.perf_counter() + LATER)
    return _trials[form]


def is_known(form: Hashable) -> bool:
    """Whether this form of network had a trial before."""
    return form in _trials


def parts(trial: Trial, steps: int, batch: int, is_first: bool) -> Iterator[tuple[slice, bool]]:
    """The parts of so many steps, and for each whether it is for one thread.

    There is one part, but during a trial. The first step of a training is slow by itself, and
    enters none.
    """
    first = 0
    trial.resume()
    while first < steps:
        one, count, is_tried = trial.one, steps, trial.is_due()
        if is_tried and is_first:
            count = 1
        elif is_tried:
            one, count = trial.next()
        count = min(count, steps - first)
        began = time.perf_counter()
        yield slice(first, first + count), one
        first += count
        trial.seen = time.perf_counter()
        part = batch, count, trial.seen - began
        if is_tried and not is_first and trial.enter(one, *part):
            _newest[:] = trial.one, trial.due + LONGEST
        elif not (is_tried or is_first or one):
            trial.keep(*part)
        is_first = False


def prefers_one() -> bool:
    """Whether the newest trial, of whatever form, chose one thread a short while ago."""
    one, until = _newest
    return bool(one) and time.perf_counter() <= until


def prefer_one() -> None:
    """Let it be so for a while, as where trainings side by side have used one thread each."""
    _newest[:] = True, time.perf_counter() + LONGEST
