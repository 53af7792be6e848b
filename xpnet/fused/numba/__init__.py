"""Kernels for NumPy arrays, compiled by numba.

A training step of one network is joined to two calls in all: see `step`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
from numba import config

from xpnet.fused import UNFUSED, Accelerator, or_else, replaced
from xpnet.fused.numba.cost import fused_cost
from xpnet.fused.numba.dense import Empty, fused_backward, fused_forward
from xpnet.fused.numba.gather import gathered
from xpnet.fused.numba.memory import recycling
from xpnet.fused.numba.network.run import compiled_run
from xpnet.fused.numba.network.stack_step import stacked_step
from xpnet.fused.numba.network.stacks import StackProgram
from xpnet.fused.numba.network.step import compiled_step, compiled_value_and_grad, is_thin
from xpnet.fused.numba.network.trainings import one_each, side_by_side
from xpnet.fused.numba.threads.alone import is_alone
from xpnet.fused.numba.threads.number import all_threads
from xpnet.fused.numba.updates import fused_update
from xpnet.types import Gather, Kernels

__all__ = ["ACCELERATOR"]


def _kernels(kernels: Kernels) -> Kernels:
    return _fused(kernels, np.empty, in_place=False)


def _training_kernels(kernels: Kernels) -> Kernels:
    return _fused(kernels, recycling(), in_place=True)


def _fused(kernels: Kernels, empty: Empty, in_place: bool) -> Kernels:
    return replaced(
        kernels,
        dense_activation=fused_forward(empty),
        activation_dense_backward=fused_backward(empty),
        output_cost_backward=fused_cost(empty),
        update=fused_update(empty, in_place),
    )


def _threads(net: Any) -> int:
    """As many as the BLAS has, of a network whose products it leaves to the calling thread."""
    return all_threads() if is_thin(net) else 1


def _without_threads(net: Any) -> AbstractContextManager[None]:
    """Between such products, the BLAS's threads would wait for its next one by spinning.

    Not beside other threads of Python, whose results would have the bits of one thread.
    """
    return one_each() if is_thin(net) and is_alone() else nullcontext()


def _gather(plain: Gather) -> Gather:
    return or_else(gathered, plain)


_COMPILED = Accelerator(
    kernels=_kernels,
    training_kernels=_training_kernels,
    step=partial(compiled_step, stacked_step),
    run=partial(compiled_run, StackProgram),
    side_by_side=side_by_side,
    gather=_gather,
    value_and_grad=compiled_value_and_grad,
    threads=_threads,
    without_threads=_without_threads,
)
# With NUMBA_DISABLE_JIT numba's own functions are Python, which no compiled loop can call.
ACCELERATOR = UNFUSED if config.DISABLE_JIT else _COMPILED  # type: ignore[attr-defined]
