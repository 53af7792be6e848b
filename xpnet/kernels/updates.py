"""Update rules of the first-order optimisers, for one tensor and for all parameters.

========= =============================================================================
name      step
========= =============================================================================
sgd       θ ← θ − α g
momentum  v ← μ v − α g;  θ ← θ + v
nesterov  v ← μ v − α g;  θ ← θ + μ v − α g
rmsprop   s ← ρ s + (1−ρ) g²;  θ ← θ − α g / (√s + ε)
adam      m ← β₁ m + (1−β₁) g;  v ← β₂ v + (1−β₂) g²;  θ ← θ − α m / (√v + ε)
adamw     as adam, but θ ← θ − α (λ θ + (m / c₁) / (√(v / c₂) + ε))
nadam     as adam, but θ ← θ − α (a g + b m) / (√(v / c₂) + ε)
lion      θ ← θ − α (λ θ + sign(β₁ m + (1−β₁) g));  m ← β₂ m + (1−β₂) g
========= =============================================================================

θ is a parameter, g its gradient, and m, v and s are its moments: all have one shape. ``rate`` α
is a number or broadcasts, ``(K, 1, 1)`` for a stack; so do the other hyperparameters. What depends
on the step t is computed by the caller: Adam's bias correction as part of α, ``c₁ = 1 − β₁ᵗ`` and
``c₂ = 1 − β₂ᵗ``, and NAdam's shares a and b of gradient and moment. λ (``decay``) is for weights
and not for biases. Each function returns ``(θ, *moments)``, new arrays.

References: Polyak 1964; Nesterov 1983 (in the form of scikit-learn); Tieleman & Hinton 2012;
Kingma & Ba 2015 (the efficient form at the end of their section 2); Loshchilov & Hutter 2019;
Dozat 2016 (in the form of PyTorch); Chen et al. 2023 (algorithm 2).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace

from xpnet.kernels._looped import from_rows, of_one_network
from xpnet.kernels._named import Named
from xpnet.types import LAYER_KINDS, Array, Params

Moments: TypeAlias = tuple[Params, ...]

TINY = 1e-30


def flushed(moment: Array) -> Array:
    """`moment` rounded to multiples of about 1e-37: what decays towards 0 arrives there.

    Moments of inputs that are rarely active would otherwise become denormal numbers, on which
    processors are thirty times slower. Adding this number and taking it away costs two plain
    passes; everything above it keeps its digits.
    """
    return (moment + TINY) - TINY


def entry_by_entry_update(f: Callable[..., tuple[float, ...]]) -> Callable[..., tuple[Array, ...]]:
    """Make an update of scalars one of ``(n, m)`` arrays ``(θ, g, *moments)``."""

    @functools.wraps(f)
    def looped(
        theta: Array, g: Array, *moments: Array, **hyperparameters: Any
    ) -> tuple[Array, ...]:
        n, m = of_one_network(theta)
        results: tuple[list[list[float]], ...] = tuple([] for _ in (theta, *moments))
        for i in range(n):
            for rows in results:
                rows.append([])
            for j in range(m):
                entries = (float(array[i, j]) for array in (theta, g, *moments))
                for rows, entry in zip(results, f(*entries, **hyperparameters), strict=True):
                    rows[i].append(entry)
        return tuple(from_rows(rows, theta) for rows in results)

    return looped


def sgd(theta: Array, g: Array, *, rate: float | Array) -> tuple[Array]:
    """``θ ← θ − α g``."""
    return (theta - rate * g,)


@entry_by_entry_update
def sgd_looped(theta: float, g: float, *, rate: float) -> tuple[float]:
    """`sgd` of one entry."""
    return (theta - rate * g,)


def momentum(
    theta: Array, g: Array, v: Array, *, rate: float | Array, mu: float
) -> tuple[Array, Array]:
    """``v ← μ v − α g;  θ ← θ + v``."""
    v = flushed(mu * v - rate * g)
    return theta + v, v


@entry_by_entry_update
def momentum_looped(
    theta: float, g: float, v: float, *, rate: float, mu: float
) -> tuple[float, float]:
    """`momentum` of one entry."""
    v = mu * v - rate * g
    return theta + v, v


def nesterov(
    theta: Array, g: Array, v: Array, *, rate: float | Array, mu: float
) -> tuple[Array, Array]:
    """``v ← μ v − α g;  θ ← θ + μ v − α g``."""
    v = flushed(mu * v - rate * g)
    return theta + (mu * v - rate * g), v


@entry_by_entry_update
def nesterov_looped(
    theta: float, g: float, v: float, *, rate: float, mu: float
) -> tuple[float, float]:
    """`nesterov` of one entry."""
    v = mu * v - rate * g
    return theta + (mu * v - rate * g), v


def rmsprop(
    theta: Array, g: Array, s: Array, *, rate: float | Array, rho: float, eps: float
) -> tuple[Array, Array]:
    """``s ← ρ s + (1−ρ) g²;  θ ← θ − α g / (√s + ε)``."""
    s = flushed(rho * s + (1.0 - rho) * g * g)
    return theta - rate * g / (array_namespace(s).sqrt(s) + eps), s


@entry_by_entry_update
def rmsprop_looped(
    theta: float, g: float, s: float, *, rate: float, rho: float, eps: float
) -> tuple[float, float]:
    """`rmsprop` of one entry."""
    s = rho * s + (1.0 - rho) * g * g
    return theta - rate * g / (math.sqrt(s) + eps), s


def adam(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    rate: float | Array,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[Array, Array, Array]:
    """``θ ← θ − α m / (√v + ε)``, bias correction being part of α."""
    m = flushed(beta1 * m + (1.0 - beta1) * g)
    v = flushed(beta2 * v + (1.0 - beta2) * g * g)
    return theta - rate * m / (array_namespace(v).sqrt(v) + eps), m, v


@entry_by_entry_update
def adam_looped(
    theta: float,
    g: float,
    m: float,
    v: float,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[float, float, float]:
    """`adam` of one entry."""
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    return theta - rate * m / (math.sqrt(v) + eps), m, v


def adamw(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    rate: float | Array,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    c1: float,
    c2: float,
) -> tuple[Array, Array, Array]:
    """``θ ← θ − α (λ θ + (m / c₁) / (√(v / c₂) + ε))``."""
    m = flushed(beta1 * m + (1.0 - beta1) * g)
    v = flushed(beta2 * v + (1.0 - beta2) * g * g)
    step = (m / c1) / (array_namespace(v).sqrt(v / c2) + eps)
    return theta - rate * (decay * theta + step), m, v


@entry_by_entry_update
def adamw_looped(
    theta: float,
    g: float,
    m: float,
    v: float,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    c1: float,
    c2: float,
) -> tuple[float, float, float]:
    """`adamw` of one entry."""
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    step = (m / c1) / (math.sqrt(v / c2) + eps)
    return theta - rate * (decay * theta + step), m, v


def nadam(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    rate: float | Array,
    beta1: float,
    beta2: float,
    eps: float,
    a: float,
    b: float,
    c2: float,
) -> tuple[Array, Array, Array]:
    """``θ ← θ − α (a g + b m) / (√(v / c₂) + ε)``."""
    m = flushed(beta1 * m + (1.0 - beta1) * g)
    v = flushed(beta2 * v + (1.0 - beta2) * g * g)
    return theta - rate * (a * g + b * m) / (array_namespace(v).sqrt(v / c2) + eps), m, v


@entry_by_entry_update
def nadam_looped(
    theta: float,
    g: float,
    m: float,
    v: float,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    a: float,
    b: float,
    c2: float,
) -> tuple[float, float, float]:
    """`nadam` of one entry."""
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    return theta - rate * (a * g + b * m) / (math.sqrt(v / c2) + eps), m, v


def lion(
    theta: Array,
    g: Array,
    m: Array,
    *,
    rate: float | Array,
    beta1: float,
    beta2: float,
    decay: float,
) -> tuple[Array, Array]:
    """``θ ← θ − α (λ θ + sign(β₁ m + (1−β₁) g))``; m is averaged afterwards, by β₂."""
    step = array_namespace(m).sign(beta1 * m + (1.0 - beta1) * g)
    m = flushed(beta2 * m + (1.0 - beta2) * g)
    return theta - rate * (decay * theta + step), m


@entry_by_entry_update
def lion_looped(
    theta: float, g: float, m: float, *, rate: float, beta1: float, beta2: float, decay: float
) -> tuple[float, float]:
    """`lion` of one entry."""
    mixed = beta1 * m + (1.0 - beta1) * g
    step = math.copysign(1.0, mixed) if mixed else 0.0
    m = beta2 * m + (1.0 - beta2) * g
    return theta - rate * (decay * theta + step), m


class Update(NamedTuple):
    """An optimiser's step of one tensor, ``(θ, g, *moments, …) -> (θ, *moments)``, and its twin."""

    apply: Callable[..., tuple[Array, ...]]
    looped: Callable[..., tuple[Array, ...]]


UPDATES = Named(
    "optimizer",
    {
        "sgd": Update(sgd, sgd_looped),
        "momentum": Update(momentum, momentum_looped),
        "nesterov": Update(nesterov, nesterov_looped),
        "rmsprop": Update(rmsprop, rmsprop_looped),
        "adam": Update(adam, adam_looped),
        "adamw": Update(adamw, adamw_looped),
        "nadam": Update(nadam, nadam_looped),
        "lion": Update(lion, lion_looped),
    },
)


def update(
    optimizer: str, params: Params, grads: Params, moments: Moments, **hyperparameters: Any
) -> tuple[Params, Moments]:
    """One optimiser's step over all parameters: the new ones, and the new moments."""
    return _each_tensor(UPDATES[optimizer].apply, params, grads, moments, hyperparameters)


def update_looped(
    optimizer: str, params: Params, grads: Params, moments: Moments, **hyperparameters: Any
) -> tuple[Params, Moments]:
    """`update` by loops over scalars."""
    return _each_tensor(UPDATES[optimizer].looped, params, grads, moments, hyperparameters)


def _each_tensor(
    rule: Callable[..., tuple[Array, ...]],
    params: Params,
    grads: Params,
    moments: Moments,
    hyperparameters: dict[str, Any],
) -> tuple[Params, Moments]:
    """The update rule applied to every tensor.

    `decay` is for the fields that decay in their kind of layer, weights and not biases: others are
    given 0 in its place (Loshchilov & Hutter 2019).
    """
    undecayed = hyperparameters | ({"decay": 0.0} if "decay" in hyperparameters else {})
    layers = []
    for trees in zip(params, grads, *moments, strict=True):
        kind = type(trees[0])
        decayed = LAYER_KINDS[kind].decayed
        stepped = [
            rule(*tensors, **(hyperparameters if field in decayed else undecayed))
            for field, *tensors in zip(kind._fields, *trees, strict=True)
        ]
        layers.append([kind(*fields) for fields in zip(*stepped, strict=True)])
    new, *remembered = zip(*layers, strict=True)
    return new, tuple(remembered)
