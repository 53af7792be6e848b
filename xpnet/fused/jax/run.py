"""Runs of training steps of JAX as one program, and the cost of a batch after the last of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xpnet.fused import BatchCost, Cost, TrainingRun, TrainingStep, are_floats, is_known
from xpnet.fused.jax.step import MOST, copied, penalty_of
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Kernels, Params, TrainingSteps

MOST_STEPS = 2048  # of one call of a program

GATHERED, FEWEST = 2**19, 8
"""Bytes of samples that are gathered at once, for some steps, and for how few at the least: on a
processor XLA divides each gathering among threads, which of a small batch takes longer than to copy
it, while a larger one is best used as soon as it is there."""

CHANGING = ("rate", "c1", "c2", "a", "b")
"""Hyperparameters that usually change from step to step."""


def compiled_run(step: TrainingStep) -> TrainingRun:
    """Runs of one training loop, each a loop over `step` within one program.

    The program is the same for every number of steps: it has room for those of an epoch, or for
    about `MOST_STEPS`, and is told how many there are. A short last batch has a program of its own.
    What an optimiser remembers is donated, as by a step.
    """
    mine: Any = ()
    changing = set(CHANGING)

    def run(steps: TrainingSteps) -> Any:
        nonlocal mine
        X, Y, weight, *_ = steps.batches
        if not isinstance(X, jax.Array) or not is_known(steps.apply):
            return None
        parts = _parts(steps, changing)
        if parts is None:
            return None
        of_run = step, steps.net, steps.apply, steps.kernels()
        chosen, penalty = penalty_of(steps.l2)
        params = steps.params
        moments = steps.moments if steps.moments is mine else copied(steps.moments)
        costs = []
        for order, count, numbers, masks in parts:
            program = _run_program(*of_run, (X.shape, order.shape), *chosen)
            data = X, Y, weight, order, count
            moments, params, J = program(params, moments, data, numbers, masks, penalty)
            costs.append((J, count))
        mine = moments
        # Read here: `fit` goes by the time that a run takes.
        return params, moments, np.concatenate([np.asarray(J)[:count] for J, count in costs])

    run.of_each = True  # type: ignore[attr-defined]
    return run


def _parts(steps: TrainingSteps, changing: set[str]) -> list[tuple[Any, ...]] | None:
    """`order` and `count` of `train`, its numbers and its masks, for each call of a program.

    None where there is no such call.
    """
    dtype, dropout = steps.params[0][0].dtype, steps.dropout
    parts = []
    for order, count, which in _orders(steps.batches):
        room = len(order) * order.shape[-2]
        numbers = _over_steps(steps.hyperparameters[which], room, dtype, changing)
        if numbers is None:
            return None
        masks = None if dropout is None else _masks(dropout[which], room)
        parts.append((order, count, numbers, masks))
    return parts


def _orders(batches: Batches) -> list[tuple[Any, int, slice]]:
    """Numbers of samples, how many are batches, and which steps.

    They are ``(blocks, ..., steps, size)``: the samples of a block are gathered at once.
    """
    m, size = batches.X.shape[-2], batches.size
    *lead, taken = batches.order.shape
    full, rest = divmod(taken, size)
    rows = batches.order[..., : full * size].reshape(*lead, full, size)
    at_once = _steps_at_once(batches)
    blocks = -(-min(m // size, MOST_STEPS) // at_once)
    orders, room = [], blocks * at_once
    for start in range(0, full, room):
        order = np.zeros((*lead, room, size), np.int32)
        count = min(room, full - start)
        order[..., :count, :] = rows[..., start : start + count, :]
        blocked = np.moveaxis(order.reshape(*lead, blocks, at_once, size), -3, 0)
        orders.append((blocked, count, slice(start, start + count)))
    if rest:
        last = batches.order[..., full * size :].astype(np.int32)
        orders.append((last[None, ..., None, :], 1, slice(full, full + 1)))
    return orders


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

    None where there are others than numbers and arrays of one shape. As numbers JAX computes with
    them in the precision of the host, such as ``1 − β``. `changing` grows by the names of those
    that were found to change: once an array, always an array, or another program were compiled.
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
    shapes: tuple[tuple[int, ...], ...],
    *chosen: tuple[str, Any],
) -> Callable[..., Any]:
    """`train` compiled for the latest networks and shapes; see `_program`."""
    its_own = partial(step, net, apply=apply, kernels=kernels, **dict(chosen))
    program: Callable[..., Any] = jax.jit(partial(train, its_own), donate_argnames=("moments",))
    return program


def train(
    step: Callable[..., Any],
    params: Params,
    moments: tuple[Params, ...],
    data: tuple[Any, ...],
    numbers: dict[str, Any],
    masks: tuple[Any, ...] | None,
    penalty: dict[str, Any],
) -> tuple[tuple[Params, ...], Params, Array]:
    """Moments, parameters and costs after `count` steps, in the order of `advance`.

    Parameters
    ----------
    step : function
        A training step that knows its network, optimiser and kernels.
    params, moments
    data : tuple
        ``X (..., m, n_x)``, ``Y (..., m, n_y)``, their weights (..., 1, m) or None, the numbers of
        the samples of each step, as `_orders` has them, and `count`.
    numbers : dict
        Hyperparameters: a number for all steps, or ``(room, ...)`` with one for each.
    masks : tuple or None
        The fields of `Dropout`, with keys ``(room, 2)``, or ``(room, 2, ..., 1, 1)``.
    penalty : dict
        `l2`, where that is data.
    """
    *samples, order, count = data
    blocks, at_once = len(order), order.shape[-2]

    def one(i: Any, state: tuple[Any, ...], first: Any, gathered: tuple[Any, ...]) -> Any:
        moments, params, costs = state
        x, y, s = (rows if rows is None else rows[..., i, :, :].mT for rows in gathered)
        t = first + i
        params, moments, J = step(
            params,
            moments,
            x,
            y,
            jax.tree.map(lambda number: number[t] if number.ndim else number, numbers),
            sample_weight=s,
            dropout=masks and Dropout(masks[0], masks[1], tuple(masks[2][t])),
            **penalty,
        )
        return moments, params, costs.at[t].set(J)

    def block(j: Any, state: tuple[Any, ...]) -> Any:
        first = j * at_once
        its_own = partial(one, first=first, gathered=_gathered(samples, order[j]))
        if at_once == 1:
            return its_own(0, state)
        return jax.lax.fori_loop(0, jnp.minimum(count - first, at_once), its_own, state)

    W = params[0][0]
    costs = jnp.zeros((blocks * at_once, *W.shape[:-2]), W.dtype)
    state: tuple[Any, ...] = moments, params, costs
    done: tuple[Any, ...] = jax.lax.fori_loop(0, -(-count // at_once), block, state)
    return done


def _gathered(samples: Sequence[Any], numbers: Any) -> tuple[Any, ...]:
    """The samples of these numbers ``(..., steps, size)``, and their weights, as rows.

    They are ``(..., steps, size, n)``; what is None stays so.
    """

    def taken(of_all: Any) -> Any:
        if of_all.ndim > 2 and numbers.ndim > 2:
            at = numbers.reshape(*numbers.shape[:-2], -1, 1)
            rows = jnp.take_along_axis(of_all, at, axis=-2, mode="clip")
            return rows.reshape(*rows.shape[:-2], *numbers.shape[-2:], -1)
        # Of networks that share samples, or their order.
        return jnp.take(of_all, numbers, axis=-2, mode="clip")

    X, Y, weight = samples
    return taken(X), taken(Y), None if weight is None else taken(weight.mT)


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
    """`cost` compiled for the latest networks and shapes; see `step`."""

    def of_rows(params: Any, X: Any, Y: Any, weight: Any, rows: Any, penalty: Any) -> Array:
        gathered = _gathered((X, Y, weight), rows[None])
        x, y, s = (found if found is None else found[..., 0, :, :].mT for found in gathered)
        options = {"kernels": kernels, "sample_weight": s, **dict(chosen), **penalty}
        return cost(net, params, x, y, **options)

    program: Callable[..., Array] = jax.jit(of_rows)
    return program
