"""Trainings side by side: some epochs of each, and again, until the last one has ended."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import chain
from typing import Any, TypeAlias

from array_api_compat import array_namespace

from xpnet.network.defaults import accelerator_for
from xpnet.train.epochs import EpochLoop, Rounds
from xpnet.train.stacked import Numbers, Stack, form_of, numbers_of
from xpnet.types import Array, Batches, PreparedRun, SideBySide, tensors

Watch: TypeAlias = Callable[[int], AbstractContextManager[None]]

COPIES = 8
"""Of its parameters that a training may need: before and after a step, gradients, moments."""

SECONDS = 0.2
"""What runs side by side should take, and after which a round ends: Ctrl-C waits for that."""

GROWTH = 16
"""Times as many epochs of a training may be made in a round as in an earlier one."""

AT_ONCE = 80
"""Trainings that go side by side as runs: of more, each would find the caches full of others."""

PARTS = 6
"""Of a round of runs side by side: Python waits for the first, and computing for the last."""

MOST_ALIKE = 24
"""Trainings on the same samples in a part: some groups that share what is gathered."""


def together(
    trainings: Sequence[Rounds],
    like: Array,
    watch: Watch,
    *,
    limit: float = math.inf,
    on_round: Callable[[Sequence[int], int], object] = lambda going, waiting: None,
    on_alone: Callable[[int, str], object] = lambda number, reason: None,
) -> None:
    """Train all to their ends, each as if it were alone.

    Parameters
    ----------
    trainings : sequence of Rounds
        Those that have ended cost nothing more. Those on the same samples should follow one
        another.
    like : array
        Of the library that all compute with.
    watch : function ``number -> context``
        What is done for a training by itself, but the epochs, is done within its context. One that
        lets no error out thereby ends this training alone.
    limit : float
        Bytes that trainings which go on may need, beside their samples. One of them goes on in any
        case; others begin when there is room.
    on_round : function, optional
        Called before each round of trainings that go on, and after the last one, with their numbers
        and with how many wait: side by side, these may begin in that round, and the first ones do.
    on_alone : function, optional
        Called with the number of a training whose first epochs are not made beside those of others,
        and with the reason. One that outlives those beside it is none of them.

    Raises
    ------
    KeyboardInterrupt
        At a Ctrl-C, which ends all of them: what they have learned is lost.
    """
    waiting = deque(range(len(trainings)))
    stacks: dict[Any, Stack] = {}
    side_by_side = accelerator_for(like).side_by_side
    epochs: Epochs = {}
    with nullcontext() if side_by_side is None else side_by_side() as make:
        while True:
            most = AT_ONCE if make else len(trainings)
            begun = _begun(trainings, waiting, watch, most, limit, epochs)
            if not make:
                epochs |= dict(begun)
            if epochs or not waiting:
                on_round(list(epochs), len(waiting))
            if not (epochs or waiting):
                break
            if make:
                coming = chain(epochs.items(), begun if len(epochs) <= AT_ONCE // 2 else ())
                epochs = _round_side_by_side(trainings, coming, watch, make, on_alone)
            else:
                made = _made_in_stacks(trainings, epochs, watch, stacks)
                _train(trainings, epochs, watch, made, on_alone)
                epochs = _next_epochs(trainings, epochs, watch)


def _begun(
    trainings: Sequence[Rounds],
    waiting: deque[int],
    watch: Watch,
    most: int,
    limit: float,
    going: Epochs,
) -> Iterator[tuple[int, Coming]]:
    """The first epochs of each that waits, until as many go on as there may be, or memory is for.

    Each begins when it is asked for.
    """
    count, needed = len(going), sum(_bytes(loop) for loop, _ in going.values())
    while waiting and count < most and (needed < limit or not count):
        first = _next_epochs(trainings, (waiting.popleft(),), watch)
        yield from first.items()
        count += len(first)
        needed += sum(_bytes(loop) for loop, _ in first.values())


Coming: TypeAlias = tuple[EpochLoop, list[Batches]]
"""A training, and what it is to be trained on next."""

Epochs: TypeAlias = dict[int, Coming]
"""That of each, by its number."""


def _next_epochs(trainings: Sequence[Rounds], numbers: Iterable[int], watch: Watch) -> Epochs:
    """The next epochs of each; none of one that has ended."""
    epochs = {}
    for k in numbers:
        with watch(k):
            try:
                epochs[k] = next(trainings[k])
            except StopIteration as end:
                if end.value == "interrupted":
                    raise KeyboardInterrupt from None
    return epochs


def _bytes(loop: EpochLoop) -> float:
    """About what a training needs: its parameters some times, and what a batch is in each layer."""
    sizes, steps = loop.run.net.sizes, loop.run.steps_per_epoch
    batch = -(-loop.run.m // steps) * (sizes[0] + sizes[-1] + 3 * sum(sizes[1:]))
    size = sum(math.prod(tensor.shape) for tensor in tensors(loop.params))
    W = loop.params[0].W
    return float(array_namespace(W).finfo(W.dtype).bits // 8 * (COPIES * size + batch))


def _round_side_by_side(
    trainings: Sequence[Rounds],
    coming: Iterable[tuple[int, Coming]],
    watch: Watch,
    make: SideBySide,
    on_alone: Callable[[int, str], object],
) -> Epochs:
    """Train all on what is coming, and on epochs after that while there is time; the next ones."""
    size = -(-min(AT_ONCE, len(trainings)) // PARTS)
    with make() as submit:
        some = _Round(trainings, watch, on_alone, submit)
        for part in _parts(coming, size):
            some.go_on(waits=False)
            some.begin(part)
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
        on_alone: Callable[[int, str], object],
        submit: Callable[[Sequence[PreparedRun]], Callable[..., bool]],
    ) -> None:
        self.trainings, self.watch, self.on_alone = trainings, watch, on_alone
        self.submit = submit
        self.going: deque[Part] = deque()
        self.left: Epochs = {}  # until all runs are made
        self.made: dict[int, PreparedRun] = {}  # the runs of those
        self.following: Epochs = {}
        self.known: dict[Any, Any] = {}
        self.most: dict[Any, int] = {}  # epochs at a time, by the form of training
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
        for k, (loop, batches) in list(part.items()):
            try:
                # A first run, too, may be as long as those of others have shown.
                if not loop.history and (most := self.most.get(_form(loop))):
                    loop.most = most
                    loop.extend(batches)
                if (run := loop.prepared(batches, self.known)) is not None:
                    runs[k] = run
            except Exception as error:
                _fail(self.trainings[k], error, self.watch(k))
                del part[k]
        return runs

    def go_on(self, *, waits: bool = True) -> None:
        """Enter the epochs of the first part, if it `waits` once they are made; begin the next."""
        if not self.going or not self.going[0][2](None if waits else 0):
            return
        part, runs, _, since = self.going.popleft()
        _train(self.trainings, part, self.watch, runs, self.on_alone)
        now = time.perf_counter()
        self._lengthen(part, now - since)
        coming = _next_epochs(self.trainings, part, self.watch)
        if coming and now - self.began < SECONDS:
            self.begin(coming)
        else:
            self.following |= coming

    def end(self) -> Epochs:
        """Do what is left, now that all runs are made; the next epochs of all."""
        left = self.left
        _train(self.trainings, left, self.watch, self.made, self.on_alone)
        if left:
            self._lengthen(left, time.perf_counter() - self.began)
        self.following |= _next_epochs(self.trainings, left, self.watch)
        return dict(sorted(self.following.items()))

    def _lengthen(self, epochs: Epochs, seconds: float) -> None:
        """Let the next runs be as many epochs as there is time for; these took so many seconds."""
        longest = max(len(batches) for _, batches in epochs.values())
        most = max(1, int(SECONDS * longest / seconds))
        for loop, batches in epochs.values():
            # One that made fewer than others may take longer for each.
            loop.most = self.most[_form(loop)] = min(most, GROWTH * len(batches))


Part: TypeAlias = tuple[Epochs, dict[int, PreparedRun], Callable[..., bool], float]
"""Epochs, the runs that are under way, what waits for them, and since when."""


def _form(loop: EpochLoop) -> Any:
    """What trainings have in common whose epochs take about as long."""
    return loop.run.net, loop.run.steps_per_epoch


def _parts(coming: Iterable[tuple[int, Coming]], size: int) -> Iterator[Epochs]:
    """Parts of `size` and more, each with those that are trained on the same samples."""
    part: Epochs = {}
    before: Any = None
    for k, (loop, batches) in coming:
        X = batches[0].X
        if len(part) >= (size if X is not before else MOST_ALIKE):
            yield part
            part = {}
        part[k], before = (loop, batches), X
    if part:
        yield part


def _made_in_stacks(
    trainings: Sequence[Rounds], epochs: Epochs, watch: Watch, stacks: dict[Any, Stack]
) -> dict[int, PreparedRun]:
    """The epochs that can be made as those of stacks, which are kept from one round to the next.

    A training that fails, by its schedule say, leaves.
    """
    before = list(stacks.values())
    stacks.clear()
    made: dict[int, PreparedRun] = {}
    for form, numbers in _alike(trainings, epochs, watch).items():
        loops, (_, (batches,)) = [epochs[k][0] for k in numbers], epochs[next(iter(numbers))]
        if len(loops) < 2:
            continue
        try:
            known = next((known for known in before if known.goes_on(loops)), None)
            stacks[form] = known or Stack(loops)
            runs = stacks[form].train(batches, dict(zip(loops, numbers.values(), strict=True)))
            made |= {k: runs[loop] for k, loop in zip(numbers, loops, strict=True)}
        except Exception as error:
            # It may have written over the parameters of each: none of them can go on.
            for k in numbers:
                _fail(trainings[k], error, watch(k))
                del epochs[k]
            stacks.pop(form, None)
    return made


def _alike(
    trainings: Sequence[Rounds], epochs: Epochs, watch: Watch
) -> dict[Any, dict[int, Numbers]]:
    """The numbers of the steps of trainings that can be a stack, by their form."""
    groups: dict[Any, dict[int, Numbers]] = {}
    for k, (loop, (batches,)) in list(epochs.items()):
        form = form_of(loop, batches)
        try:
            numbers = None if form is None else numbers_of(loop)
        except Exception as error:
            _fail(trainings[k], error, watch(k))
            del epochs[k]
        else:
            if numbers is not None:
                groups.setdefault(form, {})[k] = numbers
    return groups


def _train(
    trainings: Sequence[Rounds],
    epochs: Epochs,
    watch: Watch,
    made: dict[int, PreparedRun],
    on_alone: Callable[[int, str], object],
) -> None:
    """Enter the epochs that are made, and make the others one after another."""
    for k, (loop, batches) in epochs.items():
        try:
            if k in made:
                loop.enter_prepared(batches, made[k])
            else:
                if not loop.history:
                    on_alone(k, _why_alone(loop, batches))
                loop.train(batches)
        except Exception as error:
            _fail(trainings[k], error, watch(k))


def _fail(training: Rounds, error: Exception, watch: AbstractContextManager[None]) -> None:
    """End a training by an error of its epochs."""
    with watch, suppress(StopIteration):
        training.throw(error)


def _why_alone(loop: EpochLoop, epochs: Sequence[Batches]) -> str:
    """Why it has no run to be made beside others, and is in no stack, as far as that is known."""
    settings = loop.settings
    reasons = {
        "a callback hears of each step": not loop.in_runs,
        "its samples are not shuffled": any(batches.order is None for batches in epochs),
        "its loss is a function of its own": settings.value_and_grad is not None,
        "its kernels are given": settings.kernels is not None,
        "its optimiser does more than one update, such as to clip gradients": not hasattr(
            settings.optimizer.apply, "kernel"
        ),
        "no other is of its form, or there is no compiled run for such networks": True,
    }
    return next(reason for reason, holds in reasons.items() if holds)
