"""Runs of a stack on a processor: its networks in groups, each a call of a thread of its own.

What one thread asks for, XLA makes one after another, and divides each operation among threads.
Those of small networks are over before that gains, and take half as much processor time again. What
two threads ask for is made side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xpnet._cores import cores
from xpnet.fused.jax.loop import Given
from xpnet.fused.jax.step import MOST, form_of
from xpnet.types import Params, TrainingSteps

FEWEST, WORK = 4, 2**26
"""Networks of a group, and samples times weights for which a call has room, at the least: to start
threads, and to divide and join arrays, takes a millisecond or two."""


def groups_of(steps: TrainingSteps, samples: int) -> int:
    """In how many groups a call for so many samples is made; 1 where it is not divided."""
    W, (X, Y, *_) = steps.params[0][0], steps.batches
    place, *others = X.devices()
    # Without a seed for each, masks are drawn for the stack as a whole.
    is_whole = steps.dropout is not None and not np.ndim(steps.dropout[0].keys[0])
    shares = W.ndim == 3 and X.ndim == 2 and Y.ndim == 2  # or samples would be copied
    if is_whole or others or place.platform != "cpu" or not shares:
        return 1
    if samples * sum(weights.size for weights, *_ in steps.params) < WORK:
        return 1
    return max(1, min(cores(), len(W) // FEWEST))


def in_groups(
    groups: int,
    before: int,
    program: Callable[..., Any],
    params: Params,
    moments: tuple[Params, ...],
    given: Given,
) -> tuple[tuple[Params, ...], Params, Any]:
    """What `program` returns of these, made in so many groups of the networks; costs are read.

    In `orders` there are so many axes `before` that of the networks.
    """
    (X, Y, weight), orders, length, numbers, masks, penalty = given
    K = len(params[0][0])
    ends = tuple(K * i // groups for i in range(groups + 1))
    there = params, moments, weight, masks and masks[:2], penalty
    calls = []
    for networks, of_group in zip(
        pairwise(ends), _splitting(ends, *form_of(there))(there), strict=True
    ):
        own = partial(_own, K, slice(*networks))
        its_params, its_moments, its_weight, shares, its_penalty = of_group
        dropout = masks and (*shares, own(masks[2], 2))
        on_host = own(orders, before), length, own(numbers, 1)
        calls.append(
            (its_params, its_moments, Given((X, Y, its_weight), *on_host, dropout, its_penalty))
        )
    with ThreadPoolExecutor(groups) as pool:
        *states, costs = zip(*pool.map(_as_here(program), calls), strict=True)
    moments, params = _joining(*form_of(states))(states)
    return moments, params, np.concatenate([np.asarray(J) for J in costs], axis=-1)


def _as_here(program: Callable[..., Any]) -> Callable[[tuple[Any, ...]], Any]:
    """`program` as this thread would call it: some of JAX's settings are those of a thread."""
    x64, device = jax.config.jax_enable_x64, jax.config.jax_default_device

    def call(given: tuple[Any, ...]) -> Any:
        with jax.enable_x64(x64), jax.default_device(device):
            return program(*given)

    return call


@lru_cache(maxsize=MOST)
def _splitting(ends: tuple[int, ...], *form: Any) -> Callable[[Any], list[Any]]:
    """What divides arrays of this form into those of each group; kept as `step._program` is."""

    def split(there: Any) -> list[Any]:
        return [_own(ends[-1], slice(*networks), there) for networks in pairwise(ends)]

    made: Callable[[Any], list[Any]] = jax.jit(split)
    return made


@lru_cache(maxsize=MOST)
def _joining(*form: Any) -> Callable[[Any], Any]:
    """What joins the moments and parameters of all groups; kept as `step._program` is."""

    def join(states: Any) -> Any:
        return [jax.tree.map(lambda *each: jnp.concatenate(each), *state) for state in states]

    made: Callable[[Any], Any] = jax.jit(join)
    return made


def _own(K: int, networks: slice, tree: Any, before: int = 0) -> Any:
    """The part of these networks of each array with an axis of K networks, after so many others.

    Two more axes follow that one. What networks share stays as it is.
    """

    def own(a: Any) -> Any:
        has_each = np.ndim(a) == before + 3 and a.shape[before] == K
        return a[(slice(None),) * before + (networks,)] if has_each else a

    return jax.tree.map(own, tree)
