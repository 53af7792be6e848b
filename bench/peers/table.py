"""The peers by name: which packages each needs, and the function that prepares it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from bench.peers.cell import Cell, Trial


class Peer(NamedTuple):
    """A peer: `where` is ``module:function``, loaded on use, ``function(cell) -> Trial``."""

    name: str
    where: str
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.needs if find_spec(package) is None]

    def setup(self) -> Callable[[Cell], Trial]:
        module, function = self.where.split(":")
        return getattr(import_module(f"bench.peers.{module}"), function)


FLOOR, FLOOR_THREADS = "floor, 1 thread", "floor, all threads"
OURS = "xpnet"

PEERS = (
    Peer(FLOOR, "floor:one_thread", ("threadpoolctl",)),
    Peer(FLOOR_THREADS, "floor:all_threads", ("threadpoolctl",)),
    Peer(OURS, "with_xpnet:fused", ("numba",)),
    Peer("xpnet, plain NumPy", "with_xpnet:plain"),
    Peer("xpnet on JAX", "with_xpnet:on_jax", ("jax",)),
    Peer("xpnet on torch", "with_xpnet:on_torch", ("torch",)),
    Peer("scikit-learn", "with_sklearn:classifier", ("sklearn",)),
    Peer("PyTorch eager", "with_torch:eager", ("torch",)),
    Peer("torch.compile", "with_torch:compiled", ("torch",)),
    Peer("JAX jit", "with_jax:jit", ("jax",)),
    Peer("Keras on JAX", "with_keras:on_jax", ("keras", "jax")),
    Peer("Thinc", "with_thinc:chained", ("thinc",)),
)
