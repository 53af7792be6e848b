"""Bias corrections: hyperparameters of Adam and its kind that depend on the step.

Each is a function ``(rates, steps, settings) -> list of dict`` of steps t = 1, 2, …, of the rate at
each, and of what its optimiser was made with, for a row of `xpnet.optim.OPTIMIZERS`. It runs on the
host, where a small network's steps would wait for a call each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from numbers import Real
from typing import Any, TypeAlias

from array_api_compat import array_namespace

from xpnet.optim.schedules import Rate
from xpnet.types import Array

Numbers: TypeAlias = list[dict[str, Any]]


def rate_corrected(
    rates: Sequence[Rate], steps: Sequence[int], settings: dict[str, Any]
) -> Numbers:
    """Adam's: both corrections of its moments as one of the rate."""
    beta1, beta2 = settings["beta1"], settings["beta2"]
    return [
        {"rate": rate * (_sqrt(1.0 - beta2**t) / (1.0 - beta1**t)), **settings}
        for rate, t in zip(rates, steps, strict=True)
    ]


def with_corrections(
    rates: Sequence[Rate], steps: Sequence[int], settings: dict[str, Any]
) -> Numbers:
    """AdamW's: a correction for each of its moments."""
    beta1, beta2 = settings["beta1"], settings["beta2"]
    return [
        {"rate": rate, **settings, "c1": 1.0 - beta1**t, "c2": 1.0 - beta2**t}
        for rate, t in zip(rates, steps, strict=True)
    ]


def with_shares(rates: Sequence[Rate], steps: Sequence[int], settings: dict[str, Any]) -> Numbers:
    """NAdam's: what the gradient and its average have in the step, and the correction of v."""
    settings = dict(settings)
    beta1, decay = float(settings["beta1"]), float(settings.pop("momentum_decay"))
    return [
        {"rate": rate, **settings, **_shares(beta1, decay, t), "c2": 1.0 - settings["beta2"] ** t}
        for rate, t in zip(rates, steps, strict=True)
    ]


def _shares(beta1: float, decay: float, t: int) -> dict[str, float]:
    mu, next_mu = _mu(beta1, decay, t), _mu(beta1, decay, t + 1)
    product = _product_of_mu(beta1, decay, t)
    return {"a": (1.0 - mu) / (1.0 - product), "b": next_mu / (1.0 - product * next_mu)}


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
