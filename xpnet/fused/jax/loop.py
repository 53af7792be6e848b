"""The loops of JAX's programs: over the steps of a run, and over those of whole epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from xpnet.kernels import Dropout
from xpnet.types import Array, Params

State = tuple[tuple[Params, ...], Params, Array]
"""Moments, parameters and the costs of all steps, in the order of `advance`."""


class Given(NamedTuple):
    """What the steps of a program are given, beside parameters and moments.

    Attributes
    ----------
    samples : tuple
        ``X (..., m, n_x)``, ``Y (..., m, n_y)`` and their weights (..., 1, m) or None.
    orders : tuple of arrays
        The numbers of the samples of each step, ``(blocks, ..., steps, size)``: those of a block
        are gathered at once. Of whole epochs ``(epochs, blocks, ..., steps, size)``, and another
        array for their short last batches where there are such.
    length : int
        How many steps, or epochs, there are; there may be room for more.
    numbers : dict
        Hyperparameters: a number for all steps, or ``(room, ...)`` with one for each.
    masks : tuple or None
        The fields of `Dropout`, with keys ``(room, 2)``, or ``(room, 2, ..., 1, 1)``.
    penalty : dict
        `l2`, where that is data.
    """

    samples: tuple[Any, ...]
    orders: tuple[Any, ...]
    length: Any
    numbers: dict[str, Any]
    masks: tuple[Any, ...] | None
    penalty: dict[str, Any]


def train(
    step: Callable[..., Any], params: Params, moments: tuple[Params, ...], given: Given
) -> State:
    """Make `length` steps.

    Parameters
    ----------
    step : function
        A training step that knows its network, optimiser and kernels.
    params, moments
    given : Given
    """
    (order,) = given.orders
    state = moments, params, _costs(params, len(order) * order.shape[-2])
    return _steps(step, given, state, order, 0, given.length)


def train_epochs(
    full: int,
    step: Callable[..., Any],
    params: Params,
    moments: tuple[Params, ...],
    given: Given,
) -> State:
    """Make `length` epochs of `full` whole batches, and of a short one if there is an order for it.

    The other parameters are those of `train`.
    """
    order, *rests = given.orders
    steps = full + len(rests)

    def epoch(e: Any, state: State) -> State:
        first = e * steps
        state = _steps(step, given, state, order[e], first, full)
        for rest in rests:
            state = _steps(step, given, state, rest[e], first + full, 1)
        return state

    state = moments, params, _costs(params, len(order) * steps)
    done: State = jax.lax.fori_loop(0, given.length, epoch, state)
    return done


def _costs(params: Params, room: int) -> Array:
    """Room for the costs of so many steps."""
    W = params[0][0]
    return jnp.zeros((room, *W.shape[:-2]), W.dtype)


def _steps(
    step: Callable[..., Any], given: Given, state: State, order: Any, start: Any, count: Any
) -> State:
    """Make `count` steps by this order, the first of which is number `start` in `given.numbers`."""
    numbers, masks, at_once = given.numbers, given.masks, order.shape[-2]

    def one(i: Any, state: State, first: Any, gathered: tuple[Any, ...]) -> State:
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
            **given.penalty,
        )
        return moments, params, costs.at[t].set(J)

    def block(j: Any, state: State) -> State:
        first = j * at_once
        its_own = partial(one, first=start + first, gathered=gathered(given.samples, order[j]))
        if at_once == 1:
            return its_own(0, state)
        done: State = jax.lax.fori_loop(0, jnp.minimum(count - first, at_once), its_own, state)
        return done

    made: State = jax.lax.fori_loop(0, -(-count // at_once), block, state)
    return made


def gathered(samples: Sequence[Any], numbers: Any) -> tuple[Any, ...]:
    """The samples of these numbers ``(..., steps, size)``, and their weights if there are any.

    They are rows: ``(..., steps, size, n)``.
    """

    def taken(of_all: Any) -> Any:
        if of_all.ndim > 2 and numbers.ndim > 2:
            at = numbers.reshape(*numbers.shape[:-2], -1, 1)
            rows = jnp.take_along_axis(of_all, at, axis=-2, mode="clip")
            return rows.reshape(*rows.shape[:-2], *numbers.shape[-2:], -1)
        # Networks share the samples, or their order.
        return jnp.take(of_all, numbers, axis=-2, mode="clip")

    X, Y, weight = samples
    return taken(X), taken(Y), None if weight is None else taken(weight.mT)
