"""Runs of trainings side by side: some are made while Python does its part of others."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from xpnet._interrupts import deferred_signals, uncollected
from xpnet.train.epochs import GROWTH, TICK, EpochLoop
from xpnet.train.together.trainings import Coming, Epochs, Watch, fail, next_epochs, train
from xpnet.train.training import Rounds
from xpnet.types import PreparedRun, SideBySide

SECONDS = 0.5
"""What runs side by side should take at most, as Ctrl-C waits for them; and what a round may take
in which validations wait for its end."""

ROUND = 1.0
"""Seconds that any other round may take: at its end a line of progress may be written."""

FIRST = 1, 4
"""Trainings in the first parts: few, so that computing begins soon. The very first shows how long
an epoch takes, before others begin with as many epochs as there is time for."""

MOST_ALIKE = 24
"""Trainings on the same samples in a part: some groups that share what is gathered."""


def round_side_by_side(
    trainings: Sequence[Rounds],
    coming: Iterable[tuple[int, Coming]],
    watch: Watch,
    make: SideBySide,
    in_stacks: Callable[[Epochs], dict[int, PreparedRun]],
    on_alone: Callable[[int, str], object],
    size: int,
) -> Epochs:
    """Train all on what is coming, and then on while there is time; the epochs that come next.

    Runs are given to `make` in parts of `size` trainings and more. A signal, which is deferred,
    ends the round once those that were given are made. Garbage is left until then.
    """
    with deferred_signals() as noted, uncollected(), make() as submit:
        some = _Round(trainings, watch, in_stacks, on_alone, submit, noted)
        for part in _parts(coming, size):
            some.go_on(waits=False)
            some.begin(part)
            if not (some.shown or any(loop.history for loop, _ in part.values())):
                some.go_on()  # so that no other work delays what the very first shows
        while some.going:
            some.go_on()
    return some.end()


class _Round:
    """Runs of trainings side by side.

    While runs of some parts are made, those of others are prepared, what is to be done after them
    is done, and trainings begin: by Python alone, as the BLAS has one thread for each run then.
    What may compute, such as a validation, comes when all runs are made.
    """

    def __init__(
        self,
        trainings: Sequence[Rounds],
        watch: Watch,
        in_stacks: Callable[[Epochs], dict[int, PreparedRun]],
        on_alone: Callable[[int, str], object],
        submit: Callable[[Sequence[PreparedRun]], Callable[..., bool]],
        noted: Sequence[int],
    ) -> None:
        self.trainings, self.watch = trainings, watch
        self.in_stacks, self.on_alone = in_stacks, on_alone
        self.submit, self.noted = submit, noted  # the signals that came so far
        self.going: deque[Part] = deque()
        self.left: Epochs = {}  # until all runs are made
        self.made: dict[int, PreparedRun] = {}  # the runs of those
        self.following: Epochs = {}
        self.known: dict[Any, Any] = {}
        self.shown: dict[Any, tuple[float, int]] = {}  # by form: seconds an epoch, most at a time
        self.began = time.perf_counter()

    def begin(self, part: Epochs) -> None:
        """Have the runs of a part made."""
        since = time.perf_counter()
        runs = self._prepared(part)
        watched = {k: part[k] for k in part if k not in runs or part[k][0].is_watched}
        wait = self.submit(list(runs.values()))
        self.left |= watched
        self.made |= {k: runs.pop(k) for k in watched if k in runs}
        if runs:
            self.going.append(({k: part[k] for k in runs}, runs, wait, since))

    def _prepared(self, part: Epochs) -> dict[int, PreparedRun]:
        """The runs of those that have one; a training that fails, by its schedule say, leaves."""
        runs: dict[int, PreparedRun] = {}
        count = len(part)
        for k, (loop, batches) in list(part.items()):
            with self.watch(k):
                try:
                    # A first run, too, may be as long as those of others have shown.
                    if not loop.history and (shown := self.shown.get(_form(loop))):
                        seconds, most = shown
                        loop.most = max(1, min(most, int(SECONDS / (seconds * count))))
                        loop.extend(batches)
                    if (run := loop.prepared(batches, self.known)) is not None:
                        runs[k] = run
                except Exception as error:
                    del part[k]
                    fail(self.trainings[k], error)
        return runs

    def go_on(self, *, waits: bool = True) -> None:
        """Enter the epochs of the first part, and begin its next ones.

        Where they are not made yet it `waits` for them, or does nothing.
        """
        if not self.going or not self.going[0][2](None if waits else 0):
            return
        part, runs, _, since = self.going.popleft()
        train(self.trainings, part, self.watch, runs, self.on_alone)
        now = time.perf_counter()
        self._lengthen(part, now - since)
        coming = next_epochs(self.trainings, part, self.watch)
        limit = SECONDS if self.left else ROUND
        if coming and not self.noted and now - self.began < limit:
            self.begin(coming)
        else:
            self.following |= coming

    def end(self) -> Epochs:
        """Do what is left, now that all runs are made; the next epochs of all."""
        left = self.left
        others = {k: left.pop(k) for k in list(left) if k not in self.made}
        # First what is made: a Ctrl-C may come in what others take.
        train(self.trainings, left, self.watch, self.made, self.on_alone)
        if left:
            self._lengthen(left, time.perf_counter() - self.began)
        self.following |= next_epochs(self.trainings, left, self.watch)
        train(self.trainings, others, self.watch, self.in_stacks(others), self.on_alone)
        self.following |= next_epochs(self.trainings, others, self.watch)
        return dict(sorted(self.following.items()))

    def _lengthen(self, epochs: Epochs, seconds: float) -> None:
        """Let the next runs be as many epochs as there is time for; these took so many seconds."""
        longest, seconds = max(len(batches) for _, batches in epochs.values()), max(seconds, TICK)
        most = max(1, int(SECONDS * longest / seconds))
        for loop, batches in epochs.values():
            # One that made fewer than others may take longer for each.
            loop.most = min(most, GROWTH * len(batches))
            # Those that waited for threads seem to take longer.
            least, _ = self.shown.get(_form(loop), (math.inf, 0))
            each = min(least, seconds / longest / len(epochs))
            self.shown[_form(loop)] = each, GROWTH * len(batches)


Part: TypeAlias = tuple[Epochs, dict[int, PreparedRun], Callable[..., bool], float]
"""Epochs, the runs that are under way, what waits for them, and since when."""


def _form(loop: EpochLoop) -> Any:
    """What trainings have in common whose epochs take about as long."""
    return loop.run.net, loop.run.steps_per_epoch


def _parts(coming: Iterable[tuple[int, Coming]], size: int) -> Iterator[Epochs]:
    """Parts of `size` and more, each with those that are trained on the same samples.

    Where trainings begin, those of `FIRST` come before.
    """
    part: Epochs = {}
    before: Any = None
    first = iter(FIRST)
    most_of_first = next(first)
    for k, (loop, batches) in coming:
        X = batches[0].X
        most = size if X is not before else MOST_ALIKE
        if len(part) >= (most if loop.history else min(most, most_of_first)):
            yield part
            part, most_of_first = {}, next(first, MOST_ALIKE)
        part[k], before = (loop, batches), X
    if part:
        yield part
