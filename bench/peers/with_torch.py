"""PyTorch: `nn.Sequential` with its fused Adam, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from bench.peers.cell import BETA1, BETA2, EPS, LEARNING_RATE, Cell, Trial
from bench.peers.lesson import Lesson, Over

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _trial(cell: Cell, compiler: Callable[[Loss], Loss], device: str = "cpu") -> Trial:
    X, labels = (torch.from_numpy(array).to(device) for array in cell.samples)
    model = model_of(cell).to(device)
    loss_of = compiler(lambda x, y: nn.functional.cross_entropy(model(x), y))
    optimizer = adam_of(model)

    def restart() -> None:
        nonlocal optimizer
        optimizer = adam_of(model)
        load_first_weights(model, cell)

    def train(epochs: int) -> float:
        for order in cell.orders(epochs):
            losses = _epoch(order, X, labels, loss_of, optimizer)
        return float(torch.stack(losses).mean())

    return Trial(train, restart)


def _learn(lesson: Lesson, over: Over, compiler: Callable[[Loss], Loss]) -> None:
    X, labels = map(torch.from_numpy, lesson.samples)
    X_test = torch.from_numpy(lesson.test.X)
    model = model_of(lesson)
    load_first_weights(model, lesson)
    loss_of = compiler(lambda x, y: nn.functional.cross_entropy(model(x), y))
    optimizer = adam_of(model)
    for order in lesson.orders():
        _epoch(order, X, labels, loss_of, optimizer)
        with torch.no_grad():
            outputs = model(X_test)
        if over(outputs.argmax(dim=1).numpy()):
            return


def _epoch(
    order: np.ndarray,
    X: torch.Tensor,
    labels: torch.Tensor,
    loss_of: Loss,
    optimizer: torch.optim.Optimizer,
) -> list[torch.Tensor]:
    """The losses of a step for each row of `order`."""
    losses = []
    for rows in torch.from_numpy(order).to(X.device):
        optimizer.zero_grad()
        loss = loss_of(X.index_select(0, rows), labels.index_select(0, rows))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses


def model_of(cell: Cell | Lesson) -> nn.Sequential:
    linear = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(cell.sizes)]
    layers = [module for layer in linear for module in (layer, nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def load_first_weights(model: nn.Sequential, cell: Cell | Lesson) -> None:
    layers = [module for module in model if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for layer, (W, b) in zip(layers, cell.first_weights(), strict=True):
            layer.weight.copy_(torch.from_numpy(W))
            layer.bias.copy_(torch.from_numpy(b))


def adam_of(model: nn.Sequential, **options: bool) -> torch.optim.Adam:
    return torch.optim.Adam(
        model.parameters(), lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPS, fused=True, **options
    )


def _as_it_is(loss_of: Loss) -> Loss:
    return loss_of


def _compiled(loss_of: Loss, **options: str) -> Loss:
    # After eight networks in one process, it would leave the ninth as it is.
    torch.compiler.reset()
    return torch.compile(loss_of, dynamic=False, **options)


def _overhead_reduced(loss_of: Loss) -> Loss:
    graphed = _compiled(loss_of, mode="reduce-overhead")
    # A later call writes over what this one returns.
    return lambda x, y: graphed(x, y).clone()


eager = partial(_trial, compiler=_as_it_is)
compiled = partial(_trial, compiler=_compiled)
learn_eagerly = partial(_learn, compiler=_as_it_is)
learn_compiled = partial(_learn, compiler=_compiled)
eager_on_cuda = partial(eager, device="cuda")
compiled_on_cuda = partial(_trial, compiler=_overhead_reduced, device="cuda")
