"""Optimisers that take one gradient a step, as pure functions.

Each takes a learning rate: a number, an array ``(K, 1, 1)`` for a stack of K networks, or a
schedule. What depends on t alone is computed here, on the host; what depends on arrays is the
kernels' work. A setting out of its range is a `ValueError` where the optimiser is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from operator import attrgetter
from typing import Any, TypeAlias

from array_api_compat import array_namespace, device, is_array_api_obj

from xpnet.optim._check import at_least_zero, fractions, shares
from xpnet.optim.schedules import Rate, Schedule, constant
from xpnet.types import Array, Dense, Kernels, Optimizer, OptimizerState, Params

__all__ = ["adam", "adamw", "momentum", "nesterov", "rmsprop", "sgd"]

Slots: TypeAlias = tuple[Params, ...]
Apply: TypeAlias = Callable[..., tuple[Params, Slots]]


def sgd(learning_rate: Rate | Schedule = 0.1) -> Optimizer:
    """Gradient descent: ``θ ← θ − α g``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    """
    rate = constant(learning_rate)
    return _optimizer(_APPLY["gradient_descent"], 0, rate, lambda t: {"rate": rate(t)})


def momentum(learning_rate: Rate | Schedule = 0.1, mu: float = 0.9) -> Optimizer:
    """Momentum: ``v ← μ v − α g``, ``θ ← θ + v`` (Polyak 1964).

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    mu : float, default 0.9
        From 0 to 1.
    """
    shares(mu=mu)
    rate = constant(learning_rate)
    return _optimizer(_APPLY["momentum"], 1, rate, lambda t: {"rate": rate(t), "mu": mu})


def nesterov(learning_rate: Rate | Schedule = 0.1, mu: float = 0.9) -> Optimizer:
    """Nesterov's momentum: ``v ← μ v − α g``, ``θ ← θ + μ v − α g``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    mu : float, default 0.9
        From 0 to 1.
    """
    shares(mu=mu)
    rate = constant(learning_rate)
    return _optimizer(_APPLY["nesterov"], 1, rate, lambda t: {"rate": rate(t), "mu": mu})


def rmsprop(
    learning_rate: Rate | Schedule = 1e-3, rho: float = 0.9, eps: float = 1e-8
) -> Optimizer:
    """RMSProp: ``s ← ρ s + (1−ρ) g²``, ``θ ← θ − α g / (√s + ε)`` (Tieleman & Hinton 2012).

    Parameters
    ----------
    learning_rate : float, array or schedule, default 1e-3
    rho : float, default 0.9
        Below 1.
    eps : float, default 1e-8
    """
    fractions(rho=rho)
    at_least_zero(eps=eps)
    rate = constant(learning_rate)
    return _optimizer(
        _APPLY["rmsprop"], 1, rate, lambda t: {"rate": rate(t), "rho": rho, "eps": eps}
    )


def adam(
    learning_rate: Rate | Schedule = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> Optimizer:
    """Adam, in the efficient form that scikit-learn uses too.

    ``θ ← θ − α √(1−β₂ᵗ) / (1−β₁ᵗ) · m / (√v + ε)``: ε is added before the correction of v
    (Kingma & Ba 2015, end of section 2), where PyTorch adds it after.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 1e-3
    beta1, beta2 : float, defaults 0.9 and 0.999
        Below 1.
    eps : float, default 1e-8
    """
    fractions(beta1=beta1, beta2=beta2)
    at_least_zero(eps=eps)
    rate = constant(learning_rate)

    def settings(t: int) -> dict[str, Any]:
        corrected = rate(t) * (math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t))
        return {"rate": corrected, "beta1": beta1, "beta2": beta2, "eps": eps}

    return _optimizer(_APPLY["adam"], 2, rate, settings)


def adamw(
    learning_rate: Rate | Schedule = 1e-3,
    weight_decay: float = 1e-2,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> Optimizer:
    """AdamW: Adam with ε as PyTorch has it, and weights (not biases) that decay by ``α λ θ``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 1e-3
    weight_decay : float, default 1e-2
        λ, apart from any `l2` in the cost.
    beta1, beta2 : float, defaults 0.9 and 0.999
        Below 1.
    eps : float, default 1e-8

    References
    ----------
    Loshchilov & Hutter 2019.
    """
    fractions(beta1=beta1, beta2=beta2)
    at_least_zero(weight_decay=weight_decay, eps=eps)
    rate = constant(learning_rate)

    def settings(t: int) -> dict[str, Any]:
        corrections = {"c1": 1.0 - beta1**t, "c2": 1.0 - beta2**t}
        fixed = {"beta1": beta1, "beta2": beta2, "eps": eps, "decay": weight_decay}
        return {"rate": rate(t), **fixed, **corrections}

    return _optimizer(_APPLY["adamw"], 2, rate, settings)


def _optimizer(
    apply: Apply, slots: int, rate: Schedule, numbers: Callable[[int], dict[str, Any]]
) -> Optimizer:
    """An optimiser from its kernel, how much it remembers, and the numbers of step t."""

    def init(params: Params) -> OptimizerState:
        return OptimizerState(0, tuple(_zeros_like(params) for _ in range(slots)))

    def unpromoting(t: int) -> dict[str, Any]:
        return {name: _unpromoting(number) for name, number in numbers(t).items()}

    return Optimizer(init, unpromoting, apply, rate)


def _applying(kernel_of: Callable[[Kernels], Callable[..., tuple[Params, ...]]]) -> Apply:
    def apply(
        params: Params, grads: Params, slots: Slots, numbers: dict[str, Any], kernels: Kernels
    ) -> tuple[Params, Slots]:
        there = {name: _beside(number, params[0].W) for name, number in numbers.items()}
        new, *remembered = kernel_of(kernels)(params, grads, *slots, **there)
        return new, tuple(remembered)

    return apply


_APPLY = {
    name: _applying(attrgetter(name))
    for name in ("gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw")
}


def _unpromoting(number: float | Array) -> float | Array:
    """`number`, as a Python float where it is a NumPy scalar, which would promote float32."""
    if type(number) is float or not isinstance(number, Real):
        return number
    return float(number)


def _beside(number: float | Array, W: Array) -> float | Array:
    """A rate for each network as an array of W's library, device and dtype; a number as it is."""
    if type(number) is float or not is_array_api_obj(number):
        return number
    xp = array_namespace(W)
    if array_namespace(number) is xp:
        return xp.astype(number, W.dtype, copy=False)
    return xp.asarray(number, dtype=W.dtype, device=device(W))


def _zeros_like(params: Params) -> Params:
    xp = array_namespace(params[0].W)
    return tuple(Dense(xp.zeros_like(W), xp.zeros_like(b)) for W, b in params)
