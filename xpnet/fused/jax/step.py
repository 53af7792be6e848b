"""Training steps of JAX as one program each, and the moments that they start from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from xpnet.fused import Initial, TrainingStep
from xpnet.types import Array, OptimizerState, Params

MOST = 32  # programs that are kept for another run


def compiled_step(step: TrainingStep) -> TrainingStep:
    """`step` as one program for each network, kind of optimiser and shape of batch.

    What an optimiser remembers is donated: its memory becomes the next step's. What did not come
    from here, such as the state that an optimiser starts from, is copied first.
    """
    mine: Any = ()

    def one_program(
        net: Any,
        params: Any,
        moments: Any,
        X: Any,
        *data: Any,
        l2: Any,
        apply: Any,
        kernels: Any,
        **rest: Any,
    ) -> Any:
        nonlocal mine
        chosen, penalty = penalty_of(l2)
        program = _program(step, net, apply, kernels, X.shape, *chosen)
        moments = moments if moments is mine else copied(moments)
        mine, new, J = program(params, moments, X, *data, **rest, **penalty)
        return new, mine, J

    return one_program


@lru_cache(maxsize=MOST)
def _program(
    step: TrainingStep,
    net: Any,
    apply: Any,
    kernels: Any,
    shape: tuple[int, ...],
    *chosen: tuple[str, Any],
) -> Callable[..., Any]:
    """`step` compiled for the latest networks and shapes of batch.

    Each is of a function of its own, as JAX keeps what it compiled as long as the function lives.
    Of one function for all, ten megabytes would stay for each network that was ever trained.
    """
    its_own = partial(step, net, apply=apply, kernels=kernels, **dict(chosen))
    program: Callable[..., Any] = jax.jit(partial(advance, its_own), donate_argnames=("moments",))
    return program


def advance(
    step: Callable[..., Any], params: Params, moments: tuple[Params, ...], *data: Any, **rest: Any
) -> tuple[tuple[Params, ...], Params, Array]:
    """Moments, parameters and cost after one step.

    In this order, as JAX gives donated memory to the first outputs of its shapes: parameters in the
    memory of moments, or moments in that of other moments, would cost a copy of each.
    """
    params, moments, J = step(params, moments, *data, **rest)
    return moments, params, J


def penalty_of(l2: Any) -> tuple[tuple[tuple[str, Any], ...], dict[str, Any]]:
    """What chooses a program, and what is data.

    A number decides whether there is a penalty at all; an array is data.
    """
    return ((("l2", l2),), {}) if isinstance(l2, float | int) else ((), {"l2": l2})


def copied(moments: tuple[Params, ...]) -> tuple[Params, ...]:
    """Moments that may be donated."""
    copies: tuple[Params, ...] = _copying(*form_of(moments))(moments)
    return copies


@lru_cache(maxsize=MOST)
def _copying(*form: Any) -> Callable[..., Any]:
    """What copies moments of this form; see `_program`."""
    copying: Callable[..., Any] = jax.jit(lambda moments: jax.tree.map(jnp.copy, moments))
    return copying


def form_of(tree: Any) -> tuple[Any, ...]:
    """The structure of a tree, and shape, dtype and place of each of its arrays."""
    arrays, structure = jax.tree.flatten(tree)
    return structure, tuple((a.shape, a.dtype, getattr(a, "sharding", None)) for a in arrays)


def compiled_init(init: Initial) -> Initial:
    """The moments of an optimiser of ours by one program: each by itself takes as long as all."""
    count = getattr(init, "moments", None)
    if count is None:
        return init
    return lambda params: OptimizerState(0, _zeros(count, *form_of(params))())


@lru_cache(maxsize=MOST)
def _zeros(count: int, structure: Any, like: Sequence[Any]) -> Callable[[], tuple[Params, ...]]:
    """What makes moments, where the parameters are; see `_program`."""
    shapes, dtypes, places = zip(*like, strict=True)
    one = partial(jax.tree.unflatten, structure)

    def moments() -> tuple[Params, ...]:
        return tuple(one(map(jnp.zeros, shapes, dtypes)) for _ in range(count))

    made: Callable[[], tuple[Params, ...]] = jax.jit(moments, out_shardings=(one(places),) * count)
    return made
