"""Peers on a CUDA device: floors, libraries that find it by themselves, and captured graphs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from bench.peers.cell import Cell, Trial
from xpnet import backend

__all__ = [
    "captured_floor",
    "captured_torch",
    "floor",
    "jax_jit",
    "jax_scan",
    "products_of",
    "xpnet_on_torch",
]


def floor(cell: Cell) -> Trial:
    """A step's matrix products back to back by CuPy's cuBLAS, into memory that is kept."""
    import cupy

    X = cupy.asarray(cell.samples.X[: cell.batch])
    W = [cupy.asarray(W) for W, _ in cell.first_weights()]
    A = [X.T, *(cupy.ones((n, cell.batch), cupy.float32) for n in cell.sizes[1:])]
    products = [
        (left, right, cupy.empty((len(left), right.shape[1]), cupy.float32))
        for left, right in products_of(W, A)
    ]

    def train(epochs: int) -> None:
        for _ in range(epochs * cell.steps_per_epoch):
            for left, right, out in products:
                cupy.dot(left, right, out=out)
        cupy.cuda.get_current_stream().synchronize()

    return Trial(train)


def captured_floor(cell: Cell) -> Trial:
    """The same products by PyTorch's cuBLAS, as one captured graph: no launch costs anything."""
    import torch

    X = torch.from_numpy(cell.samples.X[: cell.batch]).to("cuda")
    W = [torch.from_numpy(W).to("cuda") for W, _ in cell.first_weights()]
    A = [X.T, *(torch.ones((n, cell.batch), device="cuda") for n in cell.sizes[1:])]
    products = [
        (left, right, torch.empty((len(left), right.shape[1]), device="cuda"))
        for left, right in products_of(W, A)
    ]

    def step() -> None:
        for left, right, out in products:
            torch.mm(left, right, out=out)

    graph, _ = _captured(step)

    def train(epochs: int) -> None:
        for _ in range(epochs * cell.steps_per_epoch):
            graph.replay()
        torch.cuda.synchronize()

    return Trial(train)


def products_of(W: list[Any], A: list[Any]) -> list[tuple[Any, Any]]:
    """Both sides of each product of a step, dZ being as large as A."""
    forward = list(zip(W, A, strict=False))
    weights = [(dZ, A_prev.T) for A_prev, dZ in pairwise(A)]
    inputs = [(W_l.T, dZ) for W_l, dZ in zip(W[1:], A[2:], strict=True)]
    return [*forward, *weights, *inputs]


def xpnet_on_torch(cell: Cell) -> Trial:
    """`xpnet.fit` on torch's CUDA tensors."""
    from bench.peers import with_xpnet

    with backend.use_backend("torch", device="cuda"):
        return with_xpnet.on_torch(cell)


def jax_jit(cell: Cell) -> Trial:
    """JAX step by step."""
    return _jax_on_gpu().jit(cell)


def jax_scan(cell: Cell) -> Trial:
    """JAX epoch by epoch."""
    return _jax_on_gpu().scan(cell)


def _jax_on_gpu() -> ModuleType:
    """Return `with_jax`, where JAX finds a GPU by itself.

    Raises
    ------
    RuntimeError
        If it does not: it would train on the processor.
    """
    import jax

    from bench.peers import with_jax

    if jax.default_backend() != "gpu":
        raise RuntimeError("JAX finds no GPU: pip install 'jax[cuda12]' or 'jax[cuda13]'")
    return with_jax


def captured_torch(cell: Cell) -> Trial:
    """PyTorch's whole step, gather and Adam included, as one captured graph."""
    import torch

    from bench.peers import with_torch

    X, labels = (torch.from_numpy(array).to("cuda") for array in cell.samples)
    model = with_torch.model_of(cell).to("cuda")
    optimizer = with_torch.adam_of(model, capturable=True)
    rows = torch.zeros(cell.batch, dtype=torch.int64, device="cuda")

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        outputs = model(X.index_select(0, rows))
        loss = torch.nn.functional.cross_entropy(outputs, labels.index_select(0, rows))
        loss.backward()
        optimizer.step()
        return loss.detach()

    graph, loss = _captured(step)

    def restart() -> None:
        with_torch.load_first_weights(model, cell)
        for state in optimizer.state.values():
            for moment in state.values():
                moment.zero_()

    def train(epochs: int) -> float:
        losses = []
        for order in cell.orders(epochs):
            for batch in torch.from_numpy(order).to("cuda"):
                rows.copy_(batch)
                graph.replay()
                losses.append(loss.clone())
        last = torch.stack(losses[-cell.steps_per_epoch :])
        return float(np.mean(last.cpu().numpy()))

    return Trial(train, restart)


def _captured(step: Callable[[], Any]) -> tuple[Any, Any]:
    """A graph of `step`, and the tensor that each replay writes its result to."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        # What is allocated or chosen at a first call cannot be captured.
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step()
    return graph, result
