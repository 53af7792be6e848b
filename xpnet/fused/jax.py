"""Kernels for JAX arrays: XLA fuses what is compiled together.

Each entry is compiled by itself, for whoever calls kernels one by one; a training loop compiles
its whole step, from the batch to the new parameters, as one program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import jax

from xpnet.types import Kernels

__all__ = ["accelerate", "compiled", "for_one_run"]

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


@cache
def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` as one program for each network, kind of optimiser and shape of batch.

    What an optimiser remembers is donated: its memory becomes the next step's.
    """
    choices = ("net", "apply", "kernels")
    by_number = jax.jit(step, static_argnames=(*choices, "l2"), donate_argnames=("slots",))
    by_array = jax.jit(step, static_argnames=choices, donate_argnames=("slots",))

    def compiled_step(*arguments: Any, l2: Any, **settings: Any) -> Any:
        # A number decides whether there is a penalty at all; an array is data.
        program = by_number if isinstance(l2, float | int) else by_array
        return program(*arguments, l2=l2, **settings)

    return compiled_step
