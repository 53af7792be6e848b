"""Benchmark cases: a network, its data and its kernels, on the chosen backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

import numpy as np

import xpnet
from bench import reference, samples
from xpnet import backend
from xpnet.fused import accelerate
from xpnet.types import Array, Kernels, Params

STACKED = 64


class Kind(NamedTuple):
    """A way to compute: the kernels for an array library, and how many networks at once.

    `of_a_run` are the kernels given to a training loop; None lets the loop choose, which may be
    one program for the whole step.
    """

    kernels: Callable[[ModuleType], Kernels]
    of_a_run: Kernels | None = None
    networks: int = 1


def _fused(xp: ModuleType) -> Kernels:
    return accelerate(xpnet.VECTORIZED, xp)


KINDS = {
    "looped": Kind(lambda xp: xpnet.LOOPED, xpnet.LOOPED),
    "vectorized": Kind(lambda xp: xpnet.VECTORIZED, xpnet.VECTORIZED),
    "fused": Kind(_fused),
    "stacked": Kind(_fused, networks=STACKED),
}


class Work(NamedTuple):
    """The sizes of a network, and how many samples it is given."""

    sizes: tuple[int, ...]
    batch: int

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}"


TINY = Work((16, 8, 10), 8)
SMALL = Work((64, 32, 10), 32)
MIDDLE = Work((784, 128, 10), 128)
LARGE = Work((784, 512, 256, 10), 128)

KINDS_OF = {
    TINY: tuple(KINDS),
    SMALL: tuple(KINDS),
    MIDDLE: ("vectorized", "fused", "stacked"),
    LARGE: ("vectorized", "fused"),
}
"""Looped code needs seconds per step beyond the small network; a large stack, gigabytes."""

LOOPED_ANYWHERE = TINY
"""A scalar costs 0.1 µs to read from NumPy, and 10 to 50 µs from JAX or a device."""


@dataclass(frozen=True)
class Case:
    """One benchmark's arguments; ``X (n_x, m)`` and ``Y (n_y, m)`` lie on the backend."""

    work: Work
    kind: str
    target: backend.Backend
    net: xpnet.Network
    kernels: Kernels
    params: Params
    X: Array
    Y: Array

    @property
    def networks(self) -> int:
        return KINDS[self.kind].networks

    @property
    def forward_flops(self) -> int:
        """Of the matrix products, two for each weight and sample."""
        return 2 * self.networks * self.work.batch * sum(_weights(self.work.sizes))

    @property
    def backward_flops(self) -> int:
        """Twice the forward ones, less the gradient of X, which is not needed."""
        first, *others = _weights(self.work.sizes)
        return 2 * self.networks * self.work.batch * (first + 2 * sum(others))

    def reference(self, member: int = 0) -> tuple[reference.Weights, np.ndarray, np.ndarray]:
        """A network's parameters, X and Y on the host, in float64."""
        X, Y = (backend.to_numpy(array).astype(np.float64) for array in (self.X, self.Y))
        return reference.weights_of(self.params, member), X, Y


def name(parameters: tuple[Work, str]) -> str:
    """What pytest calls a case."""
    work, kind = parameters
    return f"{kind}-{'-'.join(map(str, work.sizes))}x{work.batch}"


def refusal(work: Work, kind: str, target: backend.Backend) -> str | None:
    """Why a case cannot run on `target`; None if it can."""
    if kind == "fused" and KINDS[kind].kernels(target.xp) is xpnet.VECTORIZED:
        return f"nothing is installed that fuses kernels for {target.name}"
    if kind == "looped" and target.name == "dask":
        return "looped code is for eager libraries: every scalar would compute a graph of its own"
    if kind == "looped" and work != LOOPED_ANYWHERE and target.name != "numpy":
        return f"looped code on {target.name} is timed with {LOOPED_ANYWHERE.name} alone"
    return None


def make(work: Work, kind: str, target: backend.Backend) -> Case:
    """The case, its arrays made on `target`."""
    drawn = _samples(work.sizes[0]).first(work.batch)
    X, Y = (backend.asarray(array, backend=target).T for array in (drawn.X, drawn.one_hot))
    net = xpnet.Network(work.sizes, output="softmax")
    kernels = KINDS[kind].kernels(target.xp)
    return Case(
        work, kind, target, net, kernels, initial_params(net, KINDS[kind].networks, target), X, Y
    )


def initial_params(net: xpnet.Network, networks: int, target: backend.Backend) -> Params:
    """Those of one network, or of a stack, on `target`."""
    members = [net.init(seed=seed, xp="numpy", dtype=target.dtype) for seed in range(networks)]
    return backend.to_device(members[0] if networks == 1 else xpnet.stack(members), target)


@cache
def _samples(n_x: int) -> samples.Samples:
    return samples.synthetic(n_x, 1_024)


def _weights(sizes: tuple[int, ...]) -> list[int]:
    return [n_in * n_out for n_in, n_out in pairwise(sizes)]
