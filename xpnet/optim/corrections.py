"""Bias corrections: hyperparameters of Adam and its kind that depend on the step.

Each is a function ``(rate, t, settings) -> dict`` of the step t = 1, 2, … and of what its optimiser
was made with, for a row of `xpnet.optim.OPTIMIZERS`. It runs on the host.
"""

from __future__ import annotations

import math
from functools import lru_cache
from numbers import Real
from typing import Any

from array_api_compat import array_namespace

from xpnet.optim.schedules import Rate
from xpnet.types import Array


def rate_corrected(rate: Rate, t: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Adam's: both corrections of its moments as one of the rate."""
    correction = _sqrt(1.0 - settings["beta2"] ** t) / (1.0 - settings["beta1"] ** t)
    return {"rate": rate * correction, **settings}


def with_corrections(rate: Rate, t: int, settings: dict[str, Any]) -> dict[str, Any]:
    """AdamW's: a correction for each of its moments."""
    corrections = {"c1": 1.0 - settings["beta1"] ** t, "c2": 1.0 - settings["beta2"] ** t}
    return {"rate": rate, **settings, **corrections}


def with_shares(rate: Rate, t: int, settings: dict[str, Any]) -> dict[str, Any]:
    """NAdam's: what the gradient and its average have in the step, and the correction of v."""
    settings = dict(settings)
    beta1, decay = float(settings["beta1"]), float(settings.pop("momentum_decay"))
    mu, next_mu = _mu(beta1, decay, t), _mu(beta1, decay, t + 1)
    product = _product_of_mu(beta1, decay, t)
    a, b = (1.0 - mu) / (1.0 - product), next_mu / (1.0 - product * next_mu)
    return {"rate": rate, **settings, "a": a, "b": b, "c2": 1.0 - settings["beta2"] ** t}


def _mu(beta1: float, decay: float, t: int) -> float:
    return beta1 * (1.0 - 0.5 * math.pow(0.96, t * decay))


def _product_of_mu(beta1: float, decay: float, t: int) -> float:
    """``μ₁ μ₂ … μₜ``; 0 where it no longer changes 1 less it, after some fifty factors.

    The latest product is kept, as the next step needs one factor more; it is one tuple, which
    threads replace as a whole.
    """
    latest = _latest_product(beta1, decay)
    i, product = latest[0] if latest[0][0] <= t else (0, 1.0)
    while i < t and product >= 2.0**-54:
        i += 1
        product *= _mu(beta1, decay, i)
    latest[0] = i, product
    return product if product >= 2.0**-54 else 0.0


@lru_cache(maxsize=128)
def _latest_product(beta1: float, decay: float) -> list[tuple[int, float]]:
    """One entry: the latest step asked for, and its product."""
    return [(0, 1.0)]


def _sqrt(number: float | Array) -> float | Array:
    # The type first: asking the abstract class takes longer than the root.
    if type(number) is float or isinstance(number, Real):
        return math.sqrt(number)
    return array_namespace(number).sqrt(number)
