"""A training step on NumPy arrays as two compiled calls: all gradients, then all updates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused._flat import Flats
from xpnet.fused._numba_activations import KINDS, SLOPES
from xpnet.fused._numba_blas import routine
from xpnet.fused._numba_network import OUTPUTS, cost_and_gradients
from xpnet.fused._numba_updates import DTYPES, flat_updates
from xpnet.types import Array, Kernels, Params

__all__ = ["compiled"]


def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` for one training run, whose parameters, gradients and memory of them are kept flat.

    What the compiled calls do not take, such as dropout masks or another memory order, is left to
    `step` itself.
    """
    run: _Run | None = None

    def compiled_step(
        net: Any,
        params: Params,
        slots: tuple[Params, ...],
        X: Array,
        Y: Array,
        numbers: dict[str, Any],
        *,
        kernels: Kernels,
        apply: Callable[..., Any],
        **settings: Any,
    ) -> Any:
        nonlocal run
        if run is None and _suits(net, params):
            run = _Run(net, params, kernels)
        if run is None or not run.takes(X, Y, **settings):
            return step(net, params, slots, X, Y, numbers, kernels=kernels, apply=apply, **settings)
        params = run.flats.flat(params)
        J, grads = run.value_and_grad(params, X, Y, settings["sample_weight"], settings["l2"])
        params, slots = apply(params, grads, slots, numbers, run.kernels)
        return params, slots, J

    return compiled_step


def _suits(net: Any, params: Params) -> bool:
    """Whether there is a program for one such network, and a matrix product that it can call."""
    W = params[0].W
    return (
        W.ndim == 2
        and W.dtype in DTYPES
        and net.output in OUTPUTS
        and KINDS.keys() >= set(net.activations)
        and routine(W.dtype) is not None
    )


class _Run:
    """What the compiled calls of one training run share."""

    def __init__(self, net: Any, params: Params, kernels: Kernels) -> None:
        self.dtype = params[0].W.dtype
        self.n_x, self.n_y = net.sizes[0], net.sizes[-1]
        self.flats = Flats(params)
        self.kernels = dataclasses.replace(kernels, **flat_updates(kernels, self.flats))
        self.output = OUTPUTS[net.output]
        activations = (*net.activations, "identity")
        self.kinds = np.array([KINDS[name] for name in activations])
        self.slopes = np.array([SLOPES[name, self.dtype] for name in activations])
        self.rows = sum(net.sizes[1:]) + 3 * max(net.sizes[1:])
        self.blas: Any = routine(self.dtype)
        self.work = np.empty(0, self.dtype)

    def takes(self, X: Array, Y: Array, *, sample_weight: Any, l2: Any, masks: Any) -> bool:
        """Whether this batch lies as rows, without masks, and is weighted by numbers alone."""
        m = X.shape[-1]
        s = sample_weight
        return (
            masks is None
            and isinstance(l2, float | int)
            and X.shape == (self.n_x, m)
            and Y.shape == (self.n_y, m)
            and m > 0
            and X.dtype == Y.dtype == self.dtype
            and X.flags.f_contiguous
            and Y.flags.f_contiguous
            and (s is None or (s.shape == (1, m) and s.dtype == self.dtype))
        )

    def value_and_grad(
        self, params: Params, X: Array, Y: Array, sample_weight: Array | None, l2: float
    ) -> tuple[Array, Params]:
        """The cost and flat gradients."""
        flats, room = self.flats, self.rows * X.shape[1]
        if self.work.size < room:
            self.work = np.empty(room, self.dtype)
        grads = flats.fresh()
        J = cost_and_gradients(
            self.blas,
            flats.layout,
            self.kinds,
            self.slopes,
            self.output,
            X.T,
            Y.T,
            sample_weight,
            float(l2),
            flats.vector(params),
            self.work,
            flats.vector(grads),
        )
        return self.dtype.type(J), grads
