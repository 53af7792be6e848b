"""Kernels and training steps for JAX arrays, compiled by XLA.

Each entry is compiled by itself, for whoever calls kernels one by one; a training loop compiles
its whole step, from the batch to the new parameters, as one program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from xpnet.fused import Accelerator
from xpnet.types import Gather, Kernels

CHOICES = {
    "dense_activation": ("activation",),
    "activation_dense_backward": ("activation", "need_dA_prev"),
    "output_activation": ("output",),
    "output_cost": ("output",),
    "output_cost_backward": ("output",),
    "update": ("optimizer",),
}
"""The arguments of each entry that choose a program, rather than being data."""

MOST = 32  # programs that are kept for another run


def compiled_kernels(kernels: Kernels) -> Kernels:
    """`kernels` with every entry compiled."""
    entries = {field.name: getattr(kernels, field.name) for field in dataclasses.fields(kernels)}
    return Kernels(
        **{
            name: jax.jit(entry, static_argnames=CHOICES.get(name, ()))
            for name, entry in entries.items()
        }
    )


def compiled_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` as one program for each network, kind of optimiser and shape of batch.

    What an optimiser remembers is donated: its memory becomes the next step's. What did not come
    from here, such as the state that an optimiser starts from, is copied first.
    """
    programs: dict[Any, _Programs] = {}
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
        # A number decides whether there is a penalty at all; an array is data.
        chosen = {"l2": l2} if isinstance(l2, float | int) else {}
        choices = (net, apply, kernels, X.shape, *chosen.items())
        if choices not in programs:
            programs[choices] = _programs(step, *choices)
        if moments is not mine:
            moments = programs[choices].copy(moments)
        rest |= {} if chosen else {"l2": l2}
        new, mine, J = programs[choices].step(params, moments, X, *data, **rest)
        return new, mine, J

    return one_program


class _Programs(NamedTuple):
    """A step, and a copy of what an optimiser remembers, for one network and shape of batch."""

    step: Callable[..., Any]
    copy: Callable[[Any], Any]


@lru_cache(maxsize=MOST)
def _programs(
    step: Callable[..., Any],
    net: Any,
    apply: Any,
    kernels: Any,
    shape: tuple[int, ...],
    *chosen: tuple[str, Any],
) -> _Programs:
    """`step` compiled for the latest runs.

    Each is of a function of its own, for JAX keeps what it compiled as long as the function lives:
    of one function for all, ten megabytes for each network that a process ever trained.
    """
    its_own = partial(step, net, apply=apply, kernels=kernels, **dict(chosen))
    return _Programs(
        jax.jit(its_own, donate_argnames=("moments",)),
        jax.jit(lambda moments: jax.tree.map(jnp.copy, moments)),
    )


def compiled_gather(plain: Gather) -> Gather:
    """The gathering of a batch, as one program for all batches of a size."""

    def gather(arrays: Sequence[Any], order: Any, start: int, stop: int) -> tuple[Any, ...]:
        batch: tuple[Any, ...] = _gathered(tuple(arrays), order, start, stop - start)
        return batch

    return gather


@partial(jax.jit, static_argnames="size")
def _gathered(arrays: tuple[Any, ...], order: Any, start: int, size: int) -> tuple[Any, ...]:
    rows = jax.lax.dynamic_slice_in_dim(order, start, size)
    return tuple(jnp.take(array, rows, axis=0).T for array in arrays)


# Within a compiled step, kernels that are programs of their own would only be in the way.
ACCELERATOR = Accelerator(kernels=compiled_kernels, step=compiled_step, gather=compiled_gather)
