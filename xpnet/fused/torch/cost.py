"""Cost and derivative by the logits in a few operations."""

from __future__ import annotations

from typing import Any

import torch

from xpnet.fused import like
from xpnet.fused.torch.activations import softplus
from xpnet.fused.torch.dense import scales
from xpnet.types import Array


def output_cost_backward(output: str, Z: Array, Y: Array, scale: float | Array) -> Any:
    """The entry of that name."""
    if output not in COSTS or Z.ndim != 2 or not like(Y, Z) or not scales(scale, Z):
        return NotImplemented
    return COSTS[output](Z, Y, scale)


def _softmax_cost(Z: Array, Y: Array, scale: float | Array) -> tuple[Array, Array]:
    log_P = torch.log_softmax(Z, dim=-2)
    J = -torch.sum(Y * scale * log_P, dim=(-2, -1))
    return J, log_P.exp_().sub_(Y).mul_(scale)


def _sigmoid_cost(Z: Array, Y: Array, scale: float | Array) -> tuple[Array, Array]:
    loss = Z.clamp(min=0.0).sub_(Y * Z).add_(softplus(-Z.abs())).mul_(scale)
    return torch.sum(loss, dim=(-2, -1)), torch.sigmoid(Z).sub_(Y).mul_(scale)


COSTS = {"softmax": _softmax_cost, "sigmoid": _sigmoid_cost}
"""``(Z, Y, scale) -> (J, dZ)``, of one network or of a stack; Y and `scale` may be of all."""
