"""Training step as two compiled calls: all gradients, then all updates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, cached_property, lru_cache, partial
from operator import mul
from typing import Any

import numpy as np

from xpnet.fused import are_dense, or_else
from xpnet.fused.flats import Flats
from xpnet.fused.numba.activations import (
    KINDS,
    SLOPES,
    multiply_backward,
    piecewise_backward,
)
from xpnet.fused.numba.blas import ALONE, AS_IT_IS, is_for_product, product, routine
from xpnet.fused.numba.compilation.address import address_of
from xpnet.fused.numba.compilation.compiler import DTYPES
from xpnet.fused.numba.cost import OUTPUTS
from xpnet.fused.numba.dense import row_sums
from xpnet.fused.numba.dropout import masks_of
from xpnet.fused.numba.network.gradients import (
    DECAY,
    backward,
    cost_and_gradients,
    decayed,
    forward,
    gradients_at,
    thin_cost_and_gradients,
)
from xpnet.fused.numba.thin import MOST_OUTPUTS
from xpnet.fused.numba.threads.blocks import block_of, whole
from xpnet.fused.numba.threads.number import Threads
from xpnet.fused.numba.updates import flat_update
from xpnet.kernels import Dropout
from xpnet.types import Array, Kernels, Params, ValueAndGrad

SMALL = 2**17
"""Numbers in a batch up to which a copy with samples as rows pays for itself."""


def compiled_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` for one training run, whose parameters, gradients and moments are kept flat.

    What the compiled calls are not made for, such as a stack or a large batch in C order, is left
    to `step` itself.
    """
    program: Program | None = None
    own: Kernels
    plain = _on_chosen_threads(step)

    def fused_step(
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
        if program is None and suits(net, params, X):
            program = Program(net, params)
            own = replace(kernels, update=flat_update(kernels.update, program.flats))
        weights = settings["sample_weight"], settings["l2"]
        if program is None or not program.fits(params, X, Y, *weights):
            # By itself, as `or_else` would cost a small network's step more than 1 %.
            rest = {"kernels": kernels, "apply": apply, **settings}
            return plain(net, params, moments, X, Y, hyperparameters, **rest)
        J, grads = program(params, X, Y, *weights, settings["dropout"])
        params, moments = apply(params, grads, moments, hyperparameters, own)
        return params, moments, J

    return fused_step


def _on_chosen_threads(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` for one training run, where a stack's large product takes one thread or all."""
    threads: Threads | None = None

    def threaded_step(
        net: Any, params: Params, moments: Any, X: Array, *args: Any, **settings: Any
    ) -> Any:
        nonlocal threads
        if not _is_one_large_product(params, X):
            return step(net, params, moments, X, *args, **settings)
        networks, n_out, n_in = params[0].W.shape
        threads = threads or Threads((n_in, networks * n_out), X.dtype)
        if not threads.matter(X.shape[1]):
            return step(net, params, moments, X, *args, **settings)
        with threads.parts(1, X.shape[1]) as parts:
            for _ in parts:
                done = step(net, params, moments, X, *args, **settings)
        return done

    return threaded_step


def _is_one_large_product(params: Params, X: Array) -> bool:
    """Whether networks share X, in one product for all, and their other products are small.

    One by `product`, whose bits do not depend on threads; NumPy's, of other arrays, may.
    """
    stacked = are_dense(params) and X.ndim == 2 and params[0].W.ndim == 3
    return (
        stacked
        and is_for_product(X)
        and all(W[0].size * X.shape[1] <= ALONE for W, _ in params[1:])
    )


def compiled_value_and_grad(plain: ValueAndGrad) -> ValueAndGrad:
    """`plain` as one compiled call, for one network and one thread."""
    program: Program | None = None

    def fused_value_and_grad(
        net: Any,
        params: Params,
        X: Array,
        Y: Array,
        *,
        sample_weight: Array | None = None,
        l2: float | Array = 0.0,
        masks: Any = None,
        **unused: Any,
    ) -> Any:
        nonlocal program
        if program is None and suits(net, params, X):
            program = Program(net, params)
        data = params, X, Y, sample_weight, l2
        if program is None or program.net != net or masks is not None or not program.fits(*data):
            return NotImplemented
        return program(*data)

    return or_else(fused_value_and_grad, plain)


def suits(net: Any, params: Params, X: Any) -> bool:
    """Whether there is a program for one such network, and a matrix product that it can call."""
    if not (are_dense(params) and isinstance(X, np.ndarray)):
        return False
    W = params[0].W
    return (
        all(tensor.ndim == 2 and tensor.dtype == W.dtype for layer in params for tensor in layer)
        and W.dtype in DTYPES
        and _has_loops(net)
        and routine(W.dtype) is not None
    )


@lru_cache(maxsize=64)
def _has_loops(net: Any) -> bool:
    """Whether there are loops for its output and its activations; nothing is added to them."""
    return net.output in OUTPUTS and KINDS.keys() >= set(net.activations)


def is_thin(net: Any) -> bool:
    """Whether there is one layer of so few outputs that few samples are multiplied at a time."""
    return len(net.sizes) == 2 and net.sizes[1] <= MOST_OUTPUTS


class Program:
    """The cost and flat gradients of one network, for one thread: its memory is used again."""

    def __init__(self, net: Any, params: Params) -> None:
        self.net, self.dtype = net, params[0].W.dtype
        self.n_x, self.n_y = net.sizes[0], net.sizes[-1]
        self.flats = Flats(params)
        thin = is_thin(net)
        self.gradients = _of_gradients(thin, self.dtype)
        loops, kinds, slopes = network_of(net, self.dtype, thin)
        self.network = loops.copy(), self.flats.layout, kinds, slopes
        self.rows = 2 * sum(net.sizes[1:]) + 3 * max(net.sizes[1:]) + 3  # of `work`, at the most
        self.work = np.empty(0, self.dtype)
        self.ones = np.empty((1, 0), self.dtype)
        self.others = np.empty(0, self.dtype)  # for gradients of a block
        # As of `threads`, which small networks do without.
        self.widest = 0 if thin else max(map(mul, net.sizes, net.sizes[1:]))
        self.block: Callable[[int], int] = whole if thin else partial(block_of, net.sizes)

    @cached_property
    def threads(self) -> Threads:
        """Of products for which the BLAS may take more than one."""
        return Threads(self.net.sizes if self.widest else (), self.dtype, self.block)

    def fits(self, params: Params, X: Array, Y: Array, sample_weight: Any, l2: Any) -> bool:
        """Whether the batch can lie as rows, and the rest is of one network."""
        m = X.shape[-1]
        s = sample_weight
        return (
            isinstance(X, np.ndarray)
            and isinstance(l2, float | int)
            and self.flats.fits(params)
            and X.shape == (self.n_x, m)
            and Y.shape == (self.n_y, m)
            and m > 0
            and X.dtype == Y.dtype == self.dtype
            and (X.flags.f_contiguous or X.size <= SMALL)
            and (Y.flags.f_contiguous or Y.size <= SMALL)
            and (s is None or (s.shape == (1, m) and s.dtype == self.dtype))
        )

    def __call__(
        self,
        params: Params,
        X: Array,
        Y: Array,
        sample_weight: Array | None,
        l2: Any,
        dropout: Dropout | None = None,
    ) -> tuple[Array, Params]:
        """J and its gradients, which are flat."""
        grads, m = self.flats.fresh(), X.shape[1]
        samples, targets = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
        weight, work = self._weight(sample_weight, m), self._work(m)
        theta, to_gradients = self.flats.vector(params), self.flats.vector(grads)
        block = self.block(m)
        if block < m and not self.others.size:
            self.others = np.empty(self.flats.size, self.dtype)
        data = samples, targets, weight, self._penalty(l2), masks_of(dropout, self.dtype)
        arguments: Any = (*self.network, *data, theta, work, block, self.others, to_gradients)
        # The context alone would take a tenth of a small network's step.
        matter = self.widest * m > ALONE and self.threads.matter(m)
        with self.threads.parts(1, m) if matter else nullcontext((0,)) as parts:
            for _ in parts:
                J = gradients_at(self.gradients, *arguments)
        return self.dtype.type(J), grads

    def _penalty(self, l2: Any) -> float:
        """`l2`; what adds its part to the gradients is compiled for the first that is not 0."""
        loops = self.network[0]
        if l2 and not loops[DECAY]:
            loops[DECAY] = _of_penalty(self.dtype)
        return float(l2)

    def _weight(self, sample_weight: Array | None, m: int) -> Array:
        if sample_weight is not None:
            # `gradients_at` passes on what it is given to loops that are compiled for this.
            return np.ascontiguousarray(sample_weight)
        if self.ones.shape[1] != m:
            self.ones = np.ones((1, m), self.dtype)
        return self.ones

    def _work(self, m: int) -> Array:
        if self.work.size < self.rows * m:
            self.work = np.empty(self.rows * m, self.dtype)
        return self.work


@lru_cache(maxsize=64)
def network_of(net: Any, dtype: Any, thin: bool) -> tuple[Array, Array, Array]:
    """The first arguments of `cost_and_gradients` but `layout`; a thin layer takes the last loop.

    The same for all programs of the latest networks: of a step alone they take a tenth.
    """
    activations = (*net.activations, "identity")
    sizes = np.array(net.sizes[1:])
    from_a = [KINDS[name].slope is not None for name in activations]
    kept = np.where(from_a, 0, sizes)
    units, rows = (np.cumsum(each) - each for each in (sizes, kept))
    end = np.full_like(sizes, sizes.sum() + kept.sum())
    kinds = np.column_stack(
        [
            [(0, 0, 0) if thin else _of_activation(name, dtype) for name in activations],
            units,
            np.where(from_a, -1, sizes.sum() + rows),
            end,
            np.full_like(sizes, sizes.max()),
        ]
    )
    slopes = np.array([SLOPES[name, dtype] for name in activations])
    ways = (0, 0, 0, 0) if thin else _both_ways(dtype)
    loops = np.array([routine(dtype), *ways, _of_output(net.output, dtype), 0])
    return loops, kinds, slopes


@cache
def _of_gradients(thin: bool, dtype: Any) -> int:
    """The address of `cost_and_gradients`, or of its thin form."""
    vector, X, slopes = (np.empty((1,) * n, dtype) for n in (1, 2, 3))
    loops, layout = np.empty(1, int), np.empty((1, 1), int)
    data = X, X, X, X, 1.0, 0, 0.0, masks_of(None, dtype), vector, vector, vector
    loop = thin_cost_and_gradients if thin else cost_and_gradients
    return address_of(loop, loops, layout, layout, slopes, *data)


@cache
def _of_penalty(dtype: Any) -> int:
    """The address of `decayed`."""
    vector = np.empty(1, dtype)
    return address_of(decayed, np.empty((1, 1), int), vector, 0.0, vector)


@cache
def _both_ways(dtype: Any) -> tuple[int, int, int, int]:
    """The addresses of `product`, `forward`, `backward` and `row_sums`."""
    vector, X, slopes = (np.empty((1,) * n, dtype) for n in (1, 2, 3))
    loops, layout = np.empty(1, int), np.empty((1, 1), int)
    network, data = (loops, layout, layout, slopes), (masks_of(None, dtype), vector, vector)
    return (
        address_of(product, 0, X, AS_IT_IS, X, AS_IT_IS, X),
        address_of(forward, *network, X, X, 0, *data),
        address_of(backward, *network, X, 0, *data, vector),
        address_of(row_sums, X, X),
    )


@cache
def _of_activation(name: str, dtype: Any) -> tuple[int, int, int]:
    """The addresses of an activation, its derivative by Z or 0, and what multiplies by that."""
    kind, Z = KINDS[name], np.empty((1, 1), dtype)
    if kind.derivative is None:
        multiply = address_of(piecewise_backward, Z, Z, None, SLOPES[name, dtype], Z, Z)
        return address_of(kind.forward, Z, Z, 0.0, None), 0, multiply
    multiply = address_of(multiply_backward, Z, Z, None, Z, Z)
    return address_of(kind.forward, Z, Z, Z), address_of(kind.derivative, Z, Z), multiply


@cache
def _of_output(name: str, dtype: Any) -> int:
    """The address of a cost, for targets that lie as samples do."""
    Z = np.empty((2, 2), dtype)
    return address_of(OUTPUTS[name], Z, Z.T, 1.0, Z, Z, Z)
