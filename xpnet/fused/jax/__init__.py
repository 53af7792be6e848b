"""Kernels for JAX arrays, compiled by XLA.

Each entry is compiled by itself, for whoever calls kernels one by one; a training loop compiles
its whole step, from the batch to the new parameters, as one program (`step`), and `fit` a loop
over steps (`run`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from xpnet.fused import Accelerator
from xpnet.fused.jax.dense import training_kernels
from xpnet.fused.jax.host import HOST
from xpnet.fused.jax.run import compiled_cost, compiled_run
from xpnet.fused.jax.step import compiled_init, compiled_step
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


def compiled_kernels(kernels: Kernels) -> Kernels:
    """`kernels` with every entry compiled."""
    entries = {field.name: getattr(kernels, field.name) for field in dataclasses.fields(kernels)}
    return Kernels(
        **{
            name: jax.jit(entry, static_argnames=CHOICES.get(name, ()))
            for name, entry in entries.items()
        }
    )


def compiled_gather(plain: Gather) -> Gather:
    """The gathering of a batch, as one program for all batches of a size."""

    def gather(arrays: Sequence[Any], order: Any, start: int, stop: int) -> tuple[Any, ...]:
        batch: tuple[Any, ...] = _gathered(tuple(arrays), order, start, stop - start)
        return batch

    return gather


@partial(jax.jit, static_argnames="size")
def _gathered(arrays: tuple[Any, ...], order: Any, start: int, size: int) -> tuple[Any, ...]:
    rows = jax.lax.dynamic_slice_in_dim(order, start, size, axis=-1)
    return tuple(jnp.take(array, rows, axis=0, mode="clip").mT for array in arrays)


ACCELERATOR = Accelerator(
    kernels=compiled_kernels,
    training_kernels=training_kernels,
    step=compiled_step,
    run=compiled_run,
    initial=compiled_init,
    gather=compiled_gather,
    cost=compiled_cost,
    host=HOST,
)
