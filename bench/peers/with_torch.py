"""PyTorch: `nn.Sequential` with its fused Adam, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from bench.peers.cell import BETA1, BETA2, EPS, LEARNING_RATE, Cell, Trial

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _trial(cell: Cell, compiler: Callable[[Loss], Loss]) -> Trial:
    X, labels = (torch.from_numpy(array) for array in cell.samples)
    model = _model(cell)
    loss_of = compiler(lambda x, y: nn.functional.cross_entropy(model(x), y))
    optimizer = _adam(model)

    def restart() -> None:
        nonlocal optimizer
        optimizer = _adam(model)
        _load(model, cell)

    def step(rows: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(X.index_select(0, rows), labels.index_select(0, rows))
        loss.backward()
        optimizer.step()
        return loss.detach()

    def train(epochs: int) -> float:
        for order in cell.orders(epochs):
            losses = [step(rows) for rows in torch.from_numpy(order)]
        return float(torch.stack(losses).mean())

    return Trial(train, restart)


def _model(cell: Cell) -> nn.Sequential:
    linear = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(cell.sizes)]
    layers = [module for layer in linear for module in (layer, nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def _load(model: nn.Sequential, cell: Cell) -> None:
    layers = [module for module in model if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for layer, (W, b) in zip(layers, cell.first_weights(), strict=True):
            layer.weight.copy_(torch.from_numpy(W))
            layer.bias.copy_(torch.from_numpy(b))


def _adam(model: nn.Sequential) -> torch.optim.Adam:
    return torch.optim.Adam(
        model.parameters(), lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPS, fused=True
    )


eager = partial(_trial, compiler=lambda loss_of: loss_of)
compiled = partial(_trial, compiler=partial(torch.compile, dynamic=False))
