"""Runs of training steps of JAX as one program, and the cost of a batch after the last of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import numpy as np

from xpnet.fused import BatchCost, Cost, TrainingRun, TrainingStep, are_floats, is_known
from xpnet.fused.jax.groups import groups_of, in_groups
from xpnet.fused.jax.loop import Given, gathered, train, train_epochs
from xpnet.fused.jax.step import MOST, copied, penalty_of
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Kernels, Params, TrainingSteps

MOST_STEPS, MOST_EPOCHS = 2048, 32  # of one call of a program

ORDERS = 2**22
"""Numbers of samples that the epochs of one call may have."""

GATHERED, FEWEST = 2**19, 8
"""Bytes of samples that are gathered at once for some steps, and the fewest steps that this is done
for. On a processor XLA divides each gathering among threads, which for a small batch takes longer
than to copy it; a larger batch is best used as soon as it is there."""

CHANGING = ("rate", "c1", "c2", "a", "b")
"""Hyperparameters that usually change from step to step."""


class Call(NamedTuple):
    """What a call of a program makes.

    Attributes
    ----------
    orders : tuple of arrays
    length : int
        Both as in `Given`.
    which : slice
        The numbers of its steps.
    room : int
        For how many steps there is room.
    """

    orders: tuple[Any, ...]
    length: int
    which: slice
    room: int


def compiled_run(step: TrainingStep) -> TrainingRun:
    """Runs of one training loop, each a loop over `step` within one program.

    The program is the same for every number of steps: it has room for those of an epoch, or for
    about `MOST_STEPS`, and is told how many there are. A short last batch has a program of its own,
    except in the one for whole epochs of a stack, which is told how many epochs there are.
    What an optimiser remembers is donated, as by a step.
    """
    mine: Any = ()
    changing = set(CHANGING)

    def run(steps: TrainingSteps) -> Any:
        return _made(steps, 0, _calls) if _is_known(steps) else None

    def stacked_epochs(steps: TrainingSteps) -> Any:
        full = steps.batches.order.shape[-1] // steps.batches.size
        can = 0 < full < MOST_STEPS and _is_known(steps)
        return _made(steps, full, _calls_of_epochs) if can else None

    def _made(steps: TrainingSteps, full: int, calls_of: Callable[[Batches], list[Call]]) -> Any:
        nonlocal mine
        chosen, penalty = penalty_of(steps.l2)
        calls = calls_of(steps.batches)
        found = (_given(steps, call, penalty, changing) for call in calls)
        each = [given for given in found if given is not None]
        if len(each) < len(calls):
            return None
        of_run = step, steps.net, steps.apply, steps.kernels(), full
        shape, params = steps.batches.X.shape, steps.params
        moments = steps.moments if steps.moments is mine else copied(steps.moments)
        costs = []
        for call, given in zip(calls, each, strict=True):
            shapes = shape, *(order.shape for order in call.orders)
            program = _run_program(*of_run, shapes, *chosen)
            groups = groups_of(steps, call.room * call.orders[0].shape[-1])
            if groups > 1:
                program = partial(in_groups, groups, 2 if full else 1, program)
            moments, params, J = program(params, moments, given)
            costs.append((J, call.which.stop - call.which.start))
        mine = moments
        # Read here: `fit` goes by the time that a run takes.
        return params, moments, np.concatenate([np.asarray(J)[:number] for J, number in costs])

    run.of_each, run.stacked_epochs = True, stacked_epochs  # type: ignore[attr-defined]
    return run


def _is_known(steps: TrainingSteps) -> bool:
    """Whether there are programs of such steps."""
    return isinstance(steps.batches.X, jax.Array) and is_known(steps.apply)


def _given(
    steps: TrainingSteps, call: Call, penalty: dict[str, Any], changing: set[str]
) -> Given | None:
    """What a program is given for a call; None where there is none for such hyperparameters."""
    (X, Y, weight, *_), which = steps.batches, call.which
    dtype, dropout = steps.params[0][0].dtype, steps.dropout
    numbers = _over_steps(steps.hyperparameters[which], call.room, dtype, changing)
    if numbers is None:
        return None
    masks = None if dropout is None else _masks(dropout[which], call.room)
    return Given((X, Y, weight), call.orders, call.length, numbers, masks, penalty)


def _calls(batches: Batches) -> list[Call]:
    """The calls of a run: of as many whole batches as there is room for, and of a short last."""
    m, size = batches.X.shape[-2], batches.size
    full, rest = divmod(batches.order.shape[-1], size)
    rows, last = _split(batches.order, size)
    at_once = _steps_at_once(batches)
    blocks = -(-min(m // size, MOST_STEPS) // at_once)
    calls, room = [], blocks * at_once
    for start in range(0, full, room):
        stop = min(start + room, full)
        order = _in_blocks(rows[..., start:stop, :], blocks, at_once)
        calls.append(Call((np.moveaxis(order, -3, 0),), stop - start, slice(start, stop), room))
    if rest:
        calls.append(Call((last[None],), 1, slice(full, full + 1), 1))
    return calls


def _calls_of_epochs(batches: Batches) -> list[Call]:
    """The calls of whole epochs, each of as many as there is room for."""
    rows, last = _split(batches.order, batches.size)
    count, full = len(rows), rows.shape[-2]
    steps = full + bool(last.size)
    at_once = _steps_at_once(batches._replace(order=batches.order[0]))
    most = max(1, min(MOST_EPOCHS, MOST_STEPS // steps, ORDERS // batches.order[0].size))
    order = np.moveaxis(_in_blocks(rows, -(-full // at_once), at_once), -3, 1)
    orders = (order, last[:, None]) if last.size else (order,)
    calls = []
    for start in range(0, count, most):
        stop = min(start + most, count)
        room = [np.zeros((most, *order.shape[1:]), np.int32) for order in orders]
        for padded, order in zip(room, orders, strict=True):
            padded[: stop - start] = order[start:stop]
        which = slice(start * steps, stop * steps)
        calls.append(Call(tuple(room), stop - start, which, most * steps))
    return calls


def _split(order: Array, size: int) -> tuple[Any, Any]:
    """The numbers of the samples of whole batches, and those of a short last one.

    They are ``(..., steps, size)`` and ``(..., 1, rest)``.
    """
    *lead, taken = order.shape
    whole = taken // size * size
    rows = order[..., :whole].reshape(*lead, -1, size)
    return rows.astype(np.int32), order[..., None, whole:].astype(np.int32)


def _in_blocks(rows: Any, blocks: int, at_once: int) -> Any:
    """Numbers ``(..., steps, size)`` as ``(..., blocks, at_once, size)``, with zeros at the end."""
    *lead, steps, size = rows.shape
    order = np.zeros((*lead, blocks * at_once, size), np.int32)
    order[..., :steps, :] = rows
    return order.reshape(*lead, blocks, at_once, size)


def _steps_at_once(batches: Batches) -> int:
    """For how many steps samples are gathered at once."""
    X, Y, _, order, size = batches
    a_sample = sum(
        math.prod(np.broadcast_shapes(order.shape[:-1], a.shape[:-2])) * a.shape[-1] * a.itemsize
        for a in (X, Y)
    )
    fitting = GATHERED // (size * a_sample)
    return max(1, min(fitting, X.shape[-2] // size, MOST_STEPS)) if fitting >= FEWEST else 1


def _over_steps(
    each: Sequence[dict[str, Any]], room: int, dtype: Any, changing: set[str]
) -> dict[str, Any] | None:
    """Each hyperparameter as a number, or as ``(room, ...)`` with one for each step.

    None where there are others than numbers and arrays of one shape. Of numbers JAX computes what
    follows, such as ``1 − β``, in the precision of the host. `changing` grows by the names of those
    that were found to change: what was an array once stays one, or another program would be
    compiled.
    """
    names = each[0].keys()
    if set(map(len, each)) != {len(names)}:
        return None
    found = {}
    for name in names:
        try:
            values = list(map(itemgetter(name), each))
        except KeyError:
            return None
        if isinstance(values[0], dict):
            found[name] = _over_steps(values, room, dtype, changing)
        elif name not in changing and are_floats(values) and len(set(values)) == 1:
            found[name] = values[0]
        else:
            changing.add(name)
            found[name] = _stacked(values, room, dtype)
    return None if any(value is None for value in found.values()) else found


def _stacked(values: list[Any], room: int, dtype: Any) -> Any:
    """Numbers, or arrays of one shape, as ``(room, ...)``; None where they are something else."""
    if not are_floats(values):
        shape = getattr(values[0], "shape", None)
        for value in values:
            if not isinstance(value, np.ndarray | jax.Array) or value.shape != shape:
                return None
        values = [np.asarray(value) for value in values]
    column = np.zeros((room, *np.shape(values[0])), dtype)
    column[: len(values)] = values
    return column


def _masks(dropout: Sequence[Dropout], room: int) -> tuple[Any, ...]:
    """The fields of `Dropout`, with keys of all steps: ``(room, 2)``, or with ``(..., 1, 1)``."""
    keys = np.zeros((room, 2, *np.shape(dropout[0].keys[0])), np.int32)
    keys[: len(dropout)] = [each.keys for each in dropout]
    return dropout[0].least, dropout[0].kept, keys


@lru_cache(maxsize=MOST)
def _run_program(
    step: TrainingStep,
    net: Any,
    apply: Any,
    kernels: Any,
    full: int,
    shapes: tuple[tuple[int, ...], ...],
    *chosen: tuple[str, Any],
) -> Callable[..., Any]:
    """`train` compiled for the latest networks and shapes; kept as `step._program` is.

    If each epoch has `full` whole batches, `train_epochs`.
    """
    of_step = partial(step, net, apply=apply, kernels=kernels, **dict(chosen))
    its_own = partial(train_epochs, full, of_step) if full else partial(train, of_step)
    program: Callable[..., Any] = jax.jit(its_own, donate_argnames=("moments",))
    return program


def compiled_cost(cost: Cost) -> BatchCost:
    """`cost` of a batch that is gathered in the same program."""

    def of_batch(net: Any, params: Params, batch: Batches, *, kernels: Kernels, l2: Any) -> Any:
        X, Y, weight, order, _ = batch
        if order is None or batch.of_each or not isinstance(X, jax.Array):
            return None
        chosen, penalty = penalty_of(l2)
        program = _cost_program(cost, net, kernels, (X.shape, order.shape), *chosen)
        return program(params, X, Y, weight, order.astype(np.int32), penalty)

    return of_batch


@lru_cache(maxsize=MOST)
def _cost_program(
    cost: Cost, net: Any, kernels: Kernels, shapes: Any, *chosen: tuple[str, Any]
) -> Callable[..., Array]:
    """`cost` compiled for the latest networks and shapes; kept as `step._program` is."""

    def of_rows(params: Any, X: Any, Y: Any, weight: Any, rows: Any, penalty: Any) -> Array:
        taken = gathered((X, Y, weight), rows[None])
        x, y, s = (found if found is None else found[..., 0, :, :].mT for found in taken)
        options = {"kernels": kernels, "sample_weight": s, **dict(chosen), **penalty}
        return cost(net, params, x, y, **options)

    program: Callable[..., Array] = jax.jit(of_rows)
    return program
