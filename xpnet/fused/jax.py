"""Kernels for JAX arrays: XLA fuses what is compiled together.

Each entry is compiled by itself, for whoever calls kernels one by one; a training loop compiles
its whole step, from the batch to the new parameters, as one program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from xpnet.types import Gather, Kernels

__all__ = ["accelerate", "columns", "compiled", "for_one_run"]

CHOICES = {
    "dense_activation": ("activation",),
    "activation_dense_backward": ("activation", "need_dA_prev"),
    "output_activation": ("output",),
    "output_cost": ("output",),
    "output_cost_backward": ("output",),
}
"""The arguments of each entry that choose a program, rather than being data."""


def accelerate(kernels: Kernels) -> Kernels:
    """`kernels` with every entry compiled."""
    entries = {field.name: getattr(kernels, field.name) for field in dataclasses.fields(kernels)}
    return Kernels(
        **{
            name: jax.jit(entry, static_argnames=CHOICES.get(name, ()))
            for name, entry in entries.items()
        }
    )


def for_one_run(kernels: Kernels) -> Kernels:
    """`kernels` as they are: within `compiled`, programs of their own would only be in the way."""
    return kernels


def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` as one program for each network, kind of optimiser and shape of batch.

    What an optimiser remembers is donated: its memory becomes the next step's. What did not come
    from here, such as the state that an optimiser starts from, is copied first.
    """
    by_number, by_array = _programs(step)
    mine: Any = ()

    def compiled_step(net: Any, params: Any, slots: Any, *data: Any, l2: Any, **rest: Any) -> Any:
        nonlocal mine
        if slots is not mine:
            slots = jax.tree.map(jnp.copy, slots)
        # A number decides whether there is a penalty at all; an array is data.
        program = by_number if isinstance(l2, float | int) else by_array
        new, mine, J = program(net, params, slots, *data, l2=l2, **rest)
        return new, mine, J

    return compiled_step


@cache
def _programs(step: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`step` compiled where l2 is a number, and where it is an array; both for all runs."""
    choices = ("net", "apply", "kernels")
    return (
        jax.jit(step, static_argnames=(*choices, "l2"), donate_argnames=("slots",)),
        jax.jit(step, static_argnames=choices, donate_argnames=("slots",)),
    )


def columns(plain: Gather) -> Gather:
    """`plain`, the gathering of a batch, as one program for all batches of a size."""

    def gathered(arrays: Sequence[Any], order: Any, start: int, stop: int) -> tuple[Any, ...]:
        batch: tuple[Any, ...] = _gathered(tuple(arrays), order, start, stop - start)
        return batch

    return gathered


@partial(jax.jit, static_argnames="size")
def _gathered(arrays: tuple[Any, ...], order: Any, start: int, size: int) -> tuple[Any, ...]:
    rows = jax.lax.dynamic_slice_in_dim(order, start, size)
    return tuple(jnp.take(array, rows, axis=0).T for array in arrays)
