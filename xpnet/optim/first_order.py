"""Optimisers that take one gradient a step, as pure functions.

Each takes a learning rate: a number, an array ``(K, 1, 1)`` for a stack of K networks, or a
schedule. What depends on t alone is computed here, on the host; what depends on arrays is the
kernels' work. A setting out of its range is a `ValueError` where the optimiser is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, TypeAlias

from array_api_compat import array_namespace, device, is_array_api_obj

from xpnet.optim._check import at_least_zero, fractions, shares
from xpnet.optim.schedules import Rate, Schedule, constant
from xpnet.types import Array, Dense, Kernels, Optimizer, OptimizerState, Params

__all__ = ["Apply", "Moments", "adam", "adamw", "momentum", "nesterov", "rmsprop", "sgd"]

Moments: TypeAlias = tuple[Params, ...]
Apply: TypeAlias = Callable[..., tuple[Params, Moments]]


def sgd(learning_rate: Rate | Schedule = 0.1) -> Optimizer:
    """Gradient descent: ``θ ← θ − α g``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    """
    return _optimizer("gradient_descent", 0, _as_given, learning_rate)


def momentum(learning_rate: Rate | Schedule = 0.1, mu: float = 0.9) -> Optimizer:
    """Momentum: ``v ← μ v − α g``, ``θ ← θ + v`` (Polyak 1964).

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    mu : float, default 0.9
        From 0 to 1.
    """
    shares(mu=mu)
    return _optimizer("momentum", 1, _as_given, learning_rate, mu=mu)


def nesterov(learning_rate: Rate | Schedule = 0.1, mu: float = 0.9) -> Optimizer:
    """Nesterov's momentum: ``v ← μ v − α g``, ``θ ← θ + μ v − α g``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    mu : float, default 0.9
        From 0 to 1.
    """
    shares(mu=mu)
    return _optimizer("nesterov", 1, _as_given, learning_rate, mu=mu)


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
    return _optimizer("rmsprop", 1, _as_given, learning_rate, rho=rho, eps=eps)


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
    settings = {"beta1": beta1, "beta2": beta2, "eps": eps}
    return _optimizer("adam", 2, _rate_corrected, learning_rate, **settings)


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
    settings = {"beta1": beta1, "beta2": beta2, "eps": eps, "decay": weight_decay}
    return _optimizer("adamw", 2, _with_corrections, learning_rate, **settings)


def _optimizer(
    name: str,
    moments: int,
    hyperparameters: Callable[..., dict[str, Any]],
    learning_rate: Rate | Schedule,
    **settings: float,
) -> Optimizer:
    """An optimiser from its kernel, how much it remembers, and the hyperparameters of step t.

    Made of functions that have a name in this module, so that it can be pickled.
    """
    rate = constant(learning_rate)
    return Optimizer(
        partial(_init, moments),
        partial(_unpromoting, hyperparameters, rate, settings),
        _Applying(name),
        rate,
    )


def _init(moments: int, params: Params) -> OptimizerState:
    return OptimizerState(0, tuple(_zeros_like(params) for _ in range(moments)))


@dataclass(frozen=True)
class _Applying:
    """One update by the kernel of that name; equal to any other of the same name."""

    kernel: str

    def __str__(self) -> str:
        return self.kernel

    def __call__(
        self,
        params: Params,
        grads: Params,
        moments: Moments,
        hyperparameters: dict[str, Any],
        kernels: Kernels,
    ) -> tuple[Params, Moments]:
        there = {name: _beside(number, params[0].W) for name, number in hyperparameters.items()}
        return kernels.update(self.kernel, params, grads, moments, **there)


def _as_given(rate: Rate, t: int, settings: dict[str, Any]) -> dict[str, Any]:
    return {"rate": rate, **settings}


def _rate_corrected(rate: Rate, t: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Adam's: both corrections of its moments as one of the rate."""
    correction = math.sqrt(1.0 - settings["beta2"] ** t) / (1.0 - settings["beta1"] ** t)
    return {"rate": rate * correction, **settings}


def _with_corrections(rate: Rate, t: int, settings: dict[str, Any]) -> dict[str, Any]:
    """AdamW's: a correction for each of its moments."""
    corrections = {"c1": 1.0 - settings["beta1"] ** t, "c2": 1.0 - settings["beta2"] ** t}
    return {"rate": rate, **settings, **corrections}


def _unpromoting(
    hyperparameters: Callable[..., dict[str, Any]], rate: Schedule, settings: dict[str, Any], t: int
) -> dict[str, Any]:
    """The hyperparameters of step t, none of which would promote float32."""
    return {
        name: _as_float(number) for name, number in hyperparameters(rate(t), t, settings).items()
    }


def _as_float(number: float | Array) -> float | Array:
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
