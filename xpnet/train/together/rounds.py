"""Trainings side by side: some epochs of each, and again, until the last one has ended."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.network.defaults import accelerator_for
from xpnet.train.epochs import EpochLoop, fitting
from xpnet.train.together.side_by_side import SECONDS, round_side_by_side
from xpnet.train.together.stacked import FEW, Stack, forms_of, grouped, numbers_of
from xpnet.train.together.trainings import Coming, Epochs, Watch, fail, next_epochs, train
from xpnet.train.training import Rounds
from xpnet.types import Array, Batches, Hyperparameters, PreparedRun, tensors

COPIES = 8
"""Of its parameters, that a training may need: before and after a step, gradients, moments."""

AT_ONCE = 80
"""Trainings that go side by side as runs: of more, each would find the caches full of others."""

PARTS = 6
"""Of a round of runs side by side. Python waits for the first of them, computing for the last."""


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
        Called before each round, and after the last one, with the numbers of the trainings that go
        on and with how many wait: side by side, these may begin in that round. Before the first one
        it is called only where some have begun.
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
    at_once: dict[int, int] = {}  # epochs of a training in a stack
    in_stacks = partial(_made_in_stacks, trainings, watch, stacks, limit, at_once)
    with nullcontext() if side_by_side is None else side_by_side() as make:
        while True:
            most = AT_ONCE if make else len(trainings)
            begun = _begun(trainings, waiting, watch, most, limit, epochs)
            if not make:
                epochs |= dict(begun)
            if not waiting or len(waiting) < len(trainings):
                on_round(list(epochs), len(waiting))
            if not (epochs or waiting):
                break
            if make:
                size = -(-min(AT_ONCE, len(epochs) + len(waiting)) // PARTS)
                coming = chain(epochs.items(), begun if len(epochs) <= AT_ONCE // 2 else ())
                given = watch, make, in_stacks, on_alone
                epochs = round_side_by_side(trainings, coming, *given, size)
            else:
                train(trainings, epochs, watch, in_stacks(epochs), on_alone)
                epochs = next_epochs(trainings, epochs, watch)


def _begun(
    trainings: Sequence[Rounds],
    waiting: deque[int],
    watch: Watch,
    most: int,
    limit: float,
    going: Epochs,
) -> Iterator[tuple[int, Coming]]:
    """The first epochs of each that waits, until as many go on as may, or memory is used up.

    Each begins when it is asked for.
    """
    count, needed = len(going), sum(_bytes(loop) for loop, _ in going.values())
    while waiting and count < most and (needed < limit or not count):
        first = next_epochs(trainings, (waiting.popleft(),), watch)
        yield from first.items()
        count += len(first)
        needed += sum(_bytes(loop) for loop, _ in first.values())


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


def _made_in_stacks(
    trainings: Sequence[Rounds],
    watch: Watch,
    stacks: list[Stack],
    limit: float,
    at_once: dict[int, int],
    epochs: Epochs,
) -> dict[int, PreparedRun]:
    """The epochs that can be made as those of stacks, which are kept from one round to the next.

    Of a stack they are as many as none of its trainings can end before, and as there is time for:
    `at_once` says how many, by what the last ones of a training took. A training that fails, by its
    schedule say, leaves.
    """
    made: dict[int, PreparedRun] = {}
    groups = _alike(trainings, epochs, watch, limit, at_once)
    each = [[epochs[k][0] for k in numbers] for numbers in groups]
    before = [next((known for known in stacks if known.goes_on(loops)), None) for loops in each]
    stacks.clear()  # so that the memory of those that do not go on is free for new ones
    for numbers, loops in zip(groups, each, strict=True):
        if (known := before.pop(0) or _built(loops)) is None:
            continue
        began = time.perf_counter()
        try:
            coming = _of_one_length([epochs[k] for k in numbers], numbers.values())
            runs = known.train(coming, list(numbers.values()))
            made |= {k: runs[loop] for k, loop in zip(numbers, loops, strict=True)}
            stacks.append(known)
            longest = max(map(len, coming.values()))
            count = fitting(longest, time.perf_counter() - began, SECONDS / len(groups))
            at_once.update(dict.fromkeys(numbers, count))
        except Exception as error:
            # It may have written over the parameters of each: none of them can go on.
            for k in numbers:
                with watch(k):
                    fail(trainings[k], error)
                del epochs[k]
    return made


def _of_one_length(
    coming: Sequence[Coming], numbers: Iterable[Hyperparameters]
) -> dict[EpochLoop, list[Batches]]:
    """The epochs of each: as many of all as each has numbers for."""
    steps = min(map(len, numbers))
    for loop, batches in coming:
        loop.most = steps // loop.run.steps_per_epoch
        loop.extend(batches)
        loop.most = 1  # so that next time it brings one, to which others are added here
    return dict(coming)


def _built(loops: Sequence[EpochLoop]) -> Stack | None:
    """A stack of these; None where there is no memory for it, such as a device's."""
    try:
        return Stack(loops)
    except (MemoryError, RuntimeError):  # PyTorch's and JAX's are the latter
        return None


def _alike(
    trainings: Sequence[Rounds], epochs: Epochs, watch: Watch, limit: float, at_once: dict[int, int]
) -> list[dict[int, Hyperparameters]]:
    """For each stack that there can be, the numbers of the steps of its trainings."""
    loops = {id(batches.X): loop for loop, (batches, *_) in epochs.values()}
    needed = sum(_bytes(loop) for loop, _ in epochs.values())
    has_room = needed + sum(map(_bytes_of_samples, loops.values())) <= limit
    known: dict[int, Hyperparameters] = {}
    of_round: dict[Any, Any] = {}
    forms: dict[int, tuple[Any, ...]] = {}
    for k, (loop, (batches, *others)) in list(epochs.items()):
        # One that was trained by itself may have come to make some epochs at a time.
        found = () if others else forms_of(loop, batches, copies=has_room)
        with watch(k):
            try:
                count = max(1, min(at_once.get(k, 1), loop.surely()))
                numbers = numbers_of(loop, count, of_round) if found else None
                if numbers is not None:
                    known[k], forms[k] = numbers, found
            except Exception as error:
                del epochs[k]
                fail(trainings[k], error)
    on_host = all(backend.on_host(loop.params[0].W) for loop in loops.values())
    groups = grouped(forms, FEW if on_host else 2)
    return [{k: known[k] for k in group} for group in groups]
