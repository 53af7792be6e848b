"""Activations and outputs as the tests know them: a row beside each of the kernels' tables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

LN2, LN3, LN4 = math.log(2), math.log(3), math.log(4)
INF = math.inf


class OfActivation(NamedTuple):
    """What is known of an activation.

    Attributes
    ----------
    by_hand : list of (z, g(z), g'(z))
    torch : ``(torch.nn.functional, z) -> g(z)``
    ulps : tuple
        The largest error in float32 and float64, in units of the last place.
    limits : tuple
        At −∞ and ∞.
    slope_ulps : int
        The largest error of the derivative, in ulp of 1.
    """

    by_hand: list[tuple[float, float, float]]
    torch: Callable[[Any, Any], Any]
    ulps: tuple[int, int]
    limits: tuple[float, float]
    slope_ulps: int = 3


ACTIVATIONS = {
    "identity": OfActivation(
        [(-2.5, -2.5, 1), (0, 0, 1), (3, 3, 1)], lambda F, z: z, (0, 0), (-INF, INF)
    ),
    "relu": OfActivation(
        [(-1, 0, 0), (0, 0, 0), (2, 2, 1)], lambda F, z: F.relu(z), (0, 0), (0, INF)
    ),
    "leaky_relu": OfActivation(
        [(-3, -0.03, 0.01), (0, 0, 0.01), (2, 2, 1)],
        lambda F, z: F.leaky_relu(z),
        (2, 2),
        (-INF, INF),
    ),
    "elu": OfActivation(
        [(-LN2, -1 / 2, 1 / 2), (0, 0, 1), (1.5, 1.5, 1)],
        lambda F, z: F.elu(z),
        (6, 6),
        (-1, INF),
    ),
    "sigmoid": OfActivation(
        [(0, 1 / 2, 1 / 4), (LN3, 3 / 4, 3 / 16), (-LN3, 1 / 4, 3 / 16)],
        lambda F, z: z.sigmoid(),
        (4, 4),
        (0, 1),
    ),
    "tanh": OfActivation(
        [(0, 0, 1), (LN2, 3 / 5, 16 / 25), (-LN2, -3 / 5, 16 / 25)],
        lambda F, z: z.tanh(),
        (10, 10),
        (-1, 1),
        slope_ulps=10,
    ),
    "gelu": OfActivation(
        [(0, 0, 1 / 2), (1, 0.8411919906, 1.0829640838), (-1, -0.1588080094, -0.0829640838)],
        lambda F, z: F.gelu(z, approximate="tanh"),
        (200, 2000),  # rounding of 2u counts as often as 2u is large
        (0, INF),
    ),
    "silu": OfActivation(
        [
            (0, 0, 1 / 2),
            (LN3, 3 / 4 * LN3, 3 / 4 + 3 / 16 * LN3),
            (-LN3, -LN3 / 4, 1 / 4 - 3 / 16 * LN3),
        ],
        lambda F, z: F.silu(z),
        (5, 5),
        (math.nan, INF),  # −∞ · 0
    ),
    "softplus": OfActivation(
        [(0, LN2, 1 / 2), (LN3, LN4, 3 / 4), (-LN3, math.log(4 / 3), 1 / 4)],
        lambda F, z: F.softplus(z, threshold=50),
        (4, 4),
        (0, INF),
    ),
    "hard_swish": OfActivation(
        [
            (-4, 0, 0),
            (-3, 0, 0),
            (-1.5, -0.375, 0),
            (0, 0, 1 / 2),
            (1.5, 1.125, 1),
            (3, 3, 3 / 2),
            (4, 4, 1),
        ],
        lambda F, z: F.hardswish(z),
        (3, 3),
        (math.nan, INF),  # −∞ · 0
    ),
    # With e = eᶻ the hyperbolic tangent is ((1 + e)² − 1) / ((1 + e)² + 1).
    "mish": OfActivation(
        [
            (0, 0, 3 / 5),
            (LN2, LN2 * 4 / 5, 4 / 5 + LN2 * 24 / 100),
            (-LN3, -LN3 * 7 / 25, 7 / 25 - LN3 * 16 / 9 / (25 / 9) ** 2),
        ],
        lambda F, z: F.mish(z),
        (5, 5),
        (math.nan, INF),  # −∞ · 0
    ),
}


class OfOutput(NamedTuple):
    """What is known of an output.

    Attributes
    ----------
    Z, Y, A, losses, dZ : nested lists
        Logits and targets of two samples, and by hand the predictions, each sample's loss and its
        slope; A − Y where there is no `dZ`.
    torch : ``(torch.nn.functional, z) -> A``
    torch_loss : ``(torch.nn.functional, z, y) -> losses``
        Of each entry.
    targets : ``(rng, shape) -> Y``
    metric : str
    """

    Z: list[list[float]]
    Y: list[list[float]]
    A: list[list[float]]
    losses: list[float]
    torch: Callable[[Any, Any], Any]
    torch_loss: Callable[[Any, Any, Any], Any]
    targets: Callable[[np.random.Generator, tuple[int, int]], Any]
    metric: str
    dZ: list[list[float]] | None = None


def _labels(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    return rng.integers(0, 2, shape).astype(float)


OUTPUTS = {
    "sigmoid": OfOutput(
        Z=[[LN3, 0], [-LN3, LN3]],
        Y=[[1, 0], [0, 0]],
        A=[[3 / 4, 1 / 2], [1 / 4, 3 / 4]],
        losses=[2 * (LN4 - LN3), LN2 + LN4],
        torch=lambda F, z: z.sigmoid(),
        torch_loss=lambda F, z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none"),
        targets=_labels,
        metric="accuracy",
    ),
    "softmax": OfOutput(
        Z=[[0, 7], [LN2, 7], [math.log(5), 7]],
        Y=[[0, 1], [0, 0], [1, 0]],
        A=[[1 / 8, 1 / 3], [2 / 8, 1 / 3], [5 / 8, 1 / 3]],
        losses=[math.log(8 / 5), LN3],
        torch=lambda F, z: z.softmax(0),
        torch_loss=lambda F, z, y: -y * z.log_softmax(0),
        targets=lambda rng, shape: np.eye(shape[0])[rng.integers(0, *shape)].T,
        metric="accuracy",
    ),
    "identity": OfOutput(
        Z=[[1, 2], [0, -1]],
        Y=[[0, 2], [2, 1]],
        A=[[1, 2], [0, -1]],
        losses=[5 / 2, 2],
        torch=lambda F, z: z,
        torch_loss=lambda F, z, y: F.mse_loss(z, y, reduction="none") / 2,
        targets=lambda rng, shape: rng.normal(size=shape),
        metric="r2",
    ),
    "exp": OfOutput(
        Z=[[0, LN3]],
        Y=[[2, 0]],
        A=[[1, 3]],
        losses=[2 * LN2 - 1, 3],
        torch=lambda F, z: z.exp(),
        # PyTorch leaves out what does not depend on z.
        torch_loss=lambda F, z, y: (
            F.poisson_nll_loss(z, y, log_input=True, reduction="none") + y.xlogy(y) - y
        ),
        targets=lambda rng, shape: rng.poisson(2.0, shape).astype(float),
        metric="d2",
    ),
    "huber": OfOutput(
        Z=[[1, 2], [0, -1.5]],
        Y=[[0.5, -2], [1, 1]],
        A=[[1, 2], [0, -1.5]],
        losses=[1 / 8 + 1 / 2, 7 / 2 + 2],
        torch=lambda F, z: z,
        torch_loss=lambda F, z, y: F.huber_loss(z, y, reduction="none"),
        targets=lambda rng, shape: 2.0 * rng.normal(size=shape),
        metric="r2",
        dZ=[[0.5, 1], [-1, -1]],
    ),
    "hinge": OfOutput(
        Z=[[3, 0.5], [-0.5, 1]],
        Y=[[1, 0], [0, 1]],
        A=[[3, 0.5], [-0.5, 1]],
        losses=[1 / 2, 3 / 2],
        torch=lambda F, z: z,
        torch_loss=lambda F, z, y: (1.0 - (2.0 * y - 1.0) * z).clamp(min=0.0),
        targets=_labels,
        metric="accuracy",
        dZ=[[0, 1], [1, 0]],
    ),
}
