"""A training step on NumPy arrays as two compiled calls: all gradients, then all updates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from xpnet.fused._numba_program import Program, suits
from xpnet.fused._numba_updates import flat_update
from xpnet.types import Array, Kernels, Params

__all__ = ["compiled"]


def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` for one training run, whose parameters, gradients and memory of them are kept flat.

    What the compiled calls do not take, such as dropout masks or another memory order, is left to
    `step` itself.
    """
    program: Program | None = None
    own: Kernels

    def compiled_step(
        net: Any,
        params: Params,
        moments: tuple[Params, ...],
        X: Array,
        Y: Array,
        hyperparameters: dict[str, Any],
        *,
        kernels: Kernels,
        apply: Callable[..., Any],
        **settings: Any,
    ) -> Any:
        nonlocal program, own
        if program is None and suits(net, params):
            program = Program(net, params)
            own = dataclasses.replace(kernels, update=flat_update(kernels, program.flats))
        if program is None or not program.takes(params, X, Y, **settings):
            return step(
                net,
                params,
                moments,
                X,
                Y,
                hyperparameters,
                kernels=kernels,
                apply=apply,
                **settings,
            )
        J, grads = program(params, X, Y, settings["sample_weight"], settings["l2"])
        params, moments = apply(params, grads, moments, hyperparameters, own)
        return params, moments, J

    return compiled_step
