"""Trainings side by side: some epochs of each, and again, until the last one has ended."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeAlias

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.network.defaults import accelerator_for
from xpnet.train.epochs import EpochLoop, Rounds
from xpnet.train.stacked import FEW, Numbers, Stack, forms_of, grouped, is_large, numbers_of
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
        Those that have ended cost nothing more.
    like : array
        Of the library that all compute with.
    watch : function ``number -> context``
        What is done for a training by itself, but the epochs, is done within its context. One that
        lets no error out thereby ends this training alone.
    limit : float
        Bytes that trainings which go on may need, beside their samples. One of them goes on in any
        case; others begin when there is room.
    on_round : function, optional
        Called before each round, and after the last one, with the numbers of the trainings that go
        on, and with how many still wait.
    on_alone : function, optional
        Called with the number of a training whose first epochs are not made beside those of others,
        and with the reason. One that outlives those beside it is none of them.

    Raises
    ------
    KeyboardInterrupt
        At a Ctrl-C, which ends all of them: what they have learned is lost.
    """
    waiting = deque(range(len(trainings)))
    stacks: list[Stack] = []
    side_by_side = accelerator_for(like).side_by_side
    epochs: Epochs = {}
    with nullcontext() if side_by_side is None else side_by_side() as make:
        while True:
            if not make or len(epochs) <= AT_ONCE // 2:
                most = AT_ONCE if make else len(trainings)
                epochs |= _begun(trainings, waiting, watch, most - len(epochs), limit, epochs)
            on_round(list(epochs), len(waiting))
            if not epochs:
                break
            if make:
                epochs = _round_side_by_side(trainings, epochs, watch, make, on_alone)
            else:
                made = _made_in_stacks(trainings, epochs, watch, stacks, limit)
                _train(trainings, epochs, watch, made, on_alone)
                epochs = _next_epochs(trainings, epochs, watch)


def _begun(
    trainings: Sequence[Rounds],
    waiting: deque[int],
    watch: Watch,
    most: int,
    limit: float,
    going: Epochs,
) -> Epochs:
    """The first epochs of so many that wait, at most, as far as there is memory."""
    begun: Epochs = {}
    needed = sum(_bytes(loop) for loop, _ in going.values())
    while waiting and len(begun) < most and (needed < limit or not (begun or going)):
        first = _next_epochs(trainings, (waiting.popleft(),), watch)
        begun |= first
        needed += sum(_bytes(loop) for loop, _ in first.values())
    return begun


Epochs: TypeAlias = dict[int, tuple[EpochLoop, Sequence[Batches]]]
"""What each training is to be trained on next."""


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
    return float(_itemsize(loop) * (COPIES * size + batch))


def _bytes_of_samples(loop: EpochLoop) -> int:
    """What a copy of its samples needs, with targets and weights."""
    sizes = loop.run.net.sizes
    return int(_itemsize(loop) * loop.run.m * (sizes[0] + sizes[-1] + 1))


def _itemsize(loop: EpochLoop) -> int:
    W = loop.params[0].W
    return int(array_namespace(W).finfo(W.dtype).bits) // 8


def _round_side_by_side(
    trainings: Sequence[Rounds],
    epochs: Epochs,
    watch: Watch,
    make: SideBySide,
    on_alone: Callable[[int, str], object],
) -> Epochs:
    """Train all on these epochs, and on those after them while there is time; the next ones.

    While runs of some parts are made, those of others are prepared, and what is to be done after
    them: by Python alone, as the BLAS has one thread for each run then. What may compute, such as a
    validation, comes when all runs are made.
    """
    following: Epochs = {}
    left: Epochs = {}
    made: dict[int, PreparedRun] = {}
    known: dict[Any, Any] = {}
    began = time.perf_counter()
    with make() as submit:
        going = deque(_begun_part(trainings, part, watch, known, submit) for part in _parts(epochs))
        while going:
            part, runs, wait, since = going.popleft()
            watched = {k: part[k] for k in part if k not in runs or part[k][0].is_watched}
            left |= watched
            made |= {k: runs.pop(k) for k in watched if k in runs}
            if not runs:
                continue
            wait()
            part = {k: part[k] for k in runs}
            _train(trainings, part, watch, runs, on_alone)
            now = time.perf_counter()
            _lengthen(part, now - since)
            coming = _next_epochs(trainings, part, watch)
            if coming and now - began < SECONDS:
                going.append(_begun_part(trainings, coming, watch, known, submit))
            else:
                following |= coming
    _train(trainings, left, watch, made, on_alone)
    if left:
        _lengthen(left, time.perf_counter() - began)
    following |= _next_epochs(trainings, left, watch)
    return dict(sorted(following.items()))


Part: TypeAlias = tuple[Epochs, dict[int, PreparedRun], Callable[[], None], float]
"""Epochs, the runs that are under way, what waits for them, and since when."""


def _begun_part(
    trainings: Sequence[Rounds],
    part: Epochs,
    watch: Watch,
    known: dict[Any, Any],
    submit: Callable[[Sequence[PreparedRun]], Callable[[], None]],
) -> Part:
    """Have the runs of a part made."""
    since = time.perf_counter()
    runs = _prepared(trainings, part, watch, known)
    return part, runs, submit(list(runs.values())), since


def _prepared(
    trainings: Sequence[Rounds], part: Epochs, watch: Watch, known: dict[Any, Any]
) -> dict[int, PreparedRun]:
    """The runs of those that have one; a training that fails, by its schedule say, leaves."""
    runs: dict[int, PreparedRun] = {}
    for k, (loop, batches) in list(part.items()):
        try:
            if (run := loop.prepared(batches, known)) is not None:
                runs[k] = run
        except Exception as error:
            _fail(trainings[k], error, watch(k))
            del part[k]
    return runs


def _parts(epochs: Epochs) -> list[Epochs]:
    """About so many parts, each with all that are trained on the same samples."""
    alike: dict[int, Epochs] = {}
    for k, (loop, batches) in epochs.items():
        alike.setdefault(id(batches[0].X), {})[k] = loop, batches
    parts: list[Epochs] = [{}]
    for some in alike.values():
        if len(parts[-1]) * PARTS >= len(epochs):
            parts.append({})
        parts[-1] |= some
    return parts


def _lengthen(epochs: Epochs, seconds: float) -> None:
    """Let the next round be as many epochs as there is time for, after one that took so long."""
    longest = max(len(batches) for _, batches in epochs.values())
    most = max(1, int(SECONDS * longest / seconds))
    for loop, batches in epochs.values():
        # One that made fewer than others may take longer for each.
        loop.most = min(most, GROWTH * len(batches))


def _made_in_stacks(
    trainings: Sequence[Rounds],
    epochs: Epochs,
    watch: Watch,
    stacks: list[Stack],
    limit: float,
) -> dict[int, PreparedRun]:
    """The epochs that can be made as those of stacks, which are kept from one round to the next.

    A training that fails, by its schedule say, leaves.
    """
    made: dict[int, PreparedRun] = {}
    groups = _alike(trainings, epochs, watch, limit)
    each = [[epochs[k][0] for k in numbers] for numbers in groups]
    before = [next((known for known in stacks if known.goes_on(loops)), None) for loops in each]
    stacks.clear()  # so that the memory of those that do not go on is free for new ones
    for numbers, loops in zip(groups, each, strict=True):
        if (known := before.pop(0) or _built(loops)) is None:
            continue
        try:
            runs = known.train(dict(zip(loops, numbers.values(), strict=True)))
            made |= {k: runs[loop] for k, loop in zip(numbers, loops, strict=True)}
            stacks.append(known)
        except Exception as error:
            # It may have written over the parameters of each: none of them can go on.
            for k in numbers:
                _fail(trainings[k], error, watch(k))
                del epochs[k]
    return made


def _built(loops: Sequence[EpochLoop]) -> Stack | None:
    """A stack of these; None where there is no memory for it, such as a device's."""
    try:
        return Stack(loops)
    except (MemoryError, RuntimeError):  # PyTorch's and JAX's are the latter
        return None


def _alike(
    trainings: Sequence[Rounds], epochs: Epochs, watch: Watch, limit: float
) -> list[dict[int, Numbers]]:
    """The numbers of the steps of trainings that can be a stack, for each that there can be."""
    loops = {id(batches.X): loop for loop, (batches,) in epochs.values()}
    needed = sum(_bytes(loop) for loop, _ in epochs.values())
    has_room = needed + sum(map(_bytes_of_samples, loops.values())) <= limit
    known: dict[int, Numbers] = {}
    forms: dict[int, tuple[Any, ...]] = {}
    for k, (loop, (batches,)) in list(epochs.items()):
        found = forms_of(loop, batches, copies=has_room)
        try:
            numbers = numbers_of(loop) if found else None
        except Exception as error:
            _fail(trainings[k], error, watch(k))
            del epochs[k]
        else:
            if numbers is not None:
                known[k], forms[k] = numbers, found
    on_host = all(backend.on_host(loop.params[0].W) for loop in loops.values())
    groups = grouped(forms, FEW if on_host else 2)
    return [{k: known[k] for k in group} for group in groups]


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
        "a processor is busy with a network as large": is_large(loop),
        "no other is of its form, or too few to gain by it, or there is no compiled run or no "
        "memory for them": True,
    }
    return next(reason for reason, holds in reasons.items() if holds)
