"""Table of the tasks, and of the peers in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from types import MappingProxyType
from typing import Any, NamedTuple

from bench.peers.cell import Cell, Trial

FLOOR, OURS, PEER = "floor", "ours", "peer"
"""A bound, xpnet, and a peer to be compared with."""


class Peer(NamedTuple):
    """A peer: `where` is ``module:function``, loaded on use.

    It is a ``function(cell) -> Trial``; in the task "accuracy", a ``function(lesson, over)`` that
    asks ``over(labels)``, with those it predicts for the test samples, after each epoch.

    `environment` is added to that of its process.
    """

    name: str
    role: str
    where: str
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    environment: Mapping[str, str] = MappingProxyType({})

    def missing(self) -> list[str]:
        """The packages and programs that are not installed."""
        packages = [package for package in self.needs if find_spec(package) is None]
        return packages + [program for program in self.programs if which(program) is None]

    def setup(self, cell: Cell) -> Trial:
        trial: Trial = self.load()(cell)
        return trial

    def load(self) -> Callable[..., Any]:
        module, function = self.where.split(":")
        loaded: Callable[..., Any] = getattr(import_module(f"bench.peers.{module}"), function)
        return loaded


class Task(NamedTuple):
    """Equal work for some peers.

    `unit` is what a time is for: one ``step`` of a run, or the whole run where `whole_run` holds.
    Costs farther than `tolerance` from their median would be other work. `host_memory` is measured
    in new processes for each network.
    """

    unit: str
    peers: tuple[Peer, ...]
    tolerance: float
    whole_run: bool = False
    host_memory: bool = True


FLOORS = (
    Peer("floor, 1 thread", FLOOR, "floor:one_thread", ("threadpoolctl",)),
    Peer("floor, all threads", FLOOR, "floor:all_threads", ("threadpoolctl",)),
)

TRAINING = Task(
    "step",
    (
        *FLOORS,
        Peer("xpnet", OURS, "with_xpnet:fused", ("numba",)),
        Peer("xpnet, plain NumPy", OURS, "with_xpnet:plain"),
        Peer("xpnet on JAX", OURS, "with_xpnet:on_jax", ("jax",)),
        Peer("xpnet on torch", OURS, "with_xpnet:on_torch", ("torch",)),
        Peer("scikit-learn", PEER, "with_sklearn:classifier", ("sklearn",)),
        Peer("PyTorch eager", PEER, "with_torch:eager", ("torch",)),
        Peer("torch.compile", PEER, "with_torch:compiled", ("torch",), ("g++",)),
        Peer("JAX jit", PEER, "with_jax:jit", ("jax",)),
        Peer("JAX scan", PEER, "with_jax:scan", ("jax",)),
        Peer("Keras on JAX", PEER, "with_keras:on_jax", ("keras", "jax")),
        Peer("Thinc", PEER, "with_thinc:chained", ("thinc",)),
    ),
    tolerance=0.15,
)

GRADIENT = Task(
    "call",
    (
        Peer("xpnet", OURS, "logistic:compiled", ("numba",)),
        Peer("xpnet in blocks", OURS, "logistic:in_blocks"),
        Peer("xpnet in two passes", PEER, "logistic:in_two_passes"),
    ),
    tolerance=1e-4,
)

FIT = Task(
    "fit",
    (
        Peer("xpnet", OURS, "logistic:ours", ("sklearn",)),
        Peer("scikit-learn", PEER, "logistic:sklearns", ("sklearn",)),
    ),
    # The same iterations of two minimisers, neither of them at its end: they get unequally far.
    tolerance=0.05,
    whole_run=True,
)

ACCURACY = Task(
    "run",
    (
        Peer("xpnet", OURS, "with_xpnet:learn", ("numba",)),
        Peer("xpnet on JAX", OURS, "with_xpnet:learn_on_jax", ("jax",)),
        Peer("xpnet on torch", OURS, "with_xpnet:learn_on_torch", ("torch",)),
        Peer("scikit-learn", PEER, "with_sklearn:learn", ("sklearn",)),
        Peer("PyTorch eager", PEER, "with_torch:learn_eagerly", ("torch",)),
        Peer("torch.compile", PEER, "with_torch:learn_compiled", ("torch",), ("g++",)),
        Peer("JAX jit", PEER, "with_jax:learn", ("jax",)),
        Peer("Keras on JAX", PEER, "with_keras:learn", ("keras", "jax")),
    ),
    # Reaching the goal is the work.
    tolerance=0.0,
    whole_run=True,
)

# Its default would round products to TF32, and take three quarters of the card's memory.
JAX_ON_CUDA = {
    "JAX_DEFAULT_MATMUL_PRECISION": "highest",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}

TRAINING_ON_CUDA = TRAINING._replace(
    # Most of it is on the device, and a new process takes seconds until it can use that.
    host_memory=False,
    peers=(
        Peer("floor", FLOOR, "on_cuda:floor", ("cupy",)),
        Peer("floor, CUDA graph", FLOOR, "on_cuda:captured_floor", ("torch",)),
        Peer("xpnet", OURS, "with_xpnet:on_cupy", ("cupy",)),
        Peer(
            "xpnet, XPNET_CUDA_GRAPH=1",
            OURS,
            "with_xpnet:on_cupy",
            ("cupy",),
            environment={"XPNET_CUDA_GRAPH": "1"},
        ),
        Peer("xpnet, plain CuPy", OURS, "with_xpnet:plain_on_cupy", ("cupy",)),
        Peer("xpnet on torch", OURS, "on_cuda:xpnet_on_torch", ("torch",)),
        Peer("PyTorch eager", PEER, "with_torch:eager_on_cuda", ("torch",)),
        Peer("PyTorch, CUDA graph", PEER, "on_cuda:captured_torch", ("torch",)),
        Peer(
            "torch.compile, reduce-overhead",
            PEER,
            "with_torch:compiled_on_cuda",
            ("torch", "triton"),
        ),
        Peer("JAX jit", PEER, "on_cuda:jax_jit", ("jax",), environment=JAX_ON_CUDA),
        Peer("JAX scan", PEER, "on_cuda:jax_scan", ("jax",), environment=JAX_ON_CUDA),
    ),
)

TASKS = {
    "training": TRAINING,
    "training-cuda": TRAINING_ON_CUDA,
    "gradient": GRADIENT,
    "fit": FIT,
    "accuracy": ACCURACY,
}
