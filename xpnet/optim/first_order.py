"""First-order optimisers: pure functions of one gradient a step, and their table.

Each is made with a learning rate: a number, an array ``(K, 1, 1)`` for a stack of K networks, or a
schedule. What depends on t alone is computed here, on the host; what depends on arrays is the
kernels' work. A setting out of its range is a `ValueError` where the optimiser is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from numbers import Real
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace, device, is_array_api_obj

from xpnet.optim._check import at_least_zero, fractions, shares, single
from xpnet.optim.corrections import Numbers, rate_corrected, with_corrections, with_shares
from xpnet.optim.schedules import Rate, Schedule, constant
from xpnet.types import Array, Kernels, Optimizer, OptimizerState, Params, map_params

Moments: TypeAlias = tuple[Params, ...]
Apply: TypeAlias = Callable[..., tuple[Params, Moments]]


def sgd(learning_rate: Rate | Schedule = 0.1) -> Optimizer:
    """Gradient descent: ``θ ← θ − α g``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    """
    return _optimizer("sgd", learning_rate)


def momentum(learning_rate: Rate | Schedule = 0.1, mu: float = 0.9) -> Optimizer:
    """Momentum: ``v ← μ v − α g``, ``θ ← θ + v`` (Polyak 1964).

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    mu : float, default 0.9
        From 0 to 1.
    """
    shares(mu=mu)
    return _optimizer("momentum", learning_rate, mu=mu)


def nesterov(learning_rate: Rate | Schedule = 0.1, mu: float = 0.9) -> Optimizer:
    """Nesterov's momentum: ``v ← μ v − α g``, ``θ ← θ + μ v − α g``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 0.1
    mu : float, default 0.9
        From 0 to 1.
    """
    shares(mu=mu)
    return _optimizer("nesterov", learning_rate, mu=mu)


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
    return _optimizer("rmsprop", learning_rate, rho=rho, eps=eps)


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
    return _optimizer("adam", learning_rate, beta1=beta1, beta2=beta2, eps=eps)


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
    return _optimizer("adamw", learning_rate, **settings)


def nadam(
    learning_rate: Rate | Schedule = 2e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    momentum_decay: float = 4e-3,
) -> Optimizer:
    """NAdam, Adam with Nesterov's momentum, as PyTorch has it.

    ``θ ← θ − α ((1 − μₜ) / (1 − Πₜ) · g + μₜ₊₁ / (1 − Πₜ₊₁) · m) / (√(v / (1 − β₂ᵗ)) + ε)`` with
    ``μₜ = β₁ (1 − ½ 0.96^(t ψ))`` and ``Πₜ = μ₁ μ₂ … μₜ``.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 2e-3
    beta1, beta2 : float, defaults 0.9 and 0.999
        Below 1.
    eps : float, default 1e-8
    momentum_decay : float, default 4e-3
        ψ: how fast μ rises from β₁ / 2 to β₁.

    References
    ----------
    Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """
    single(beta1=beta1, momentum_decay=momentum_decay)
    fractions(beta1=beta1, beta2=beta2)
    at_least_zero(eps=eps, momentum_decay=momentum_decay)
    settings = {"beta1": beta1, "beta2": beta2, "eps": eps, "momentum_decay": momentum_decay}
    return _optimizer("nadam", learning_rate, **settings)


def lion(
    learning_rate: Rate | Schedule = 1e-4,
    weight_decay: float = 1e-1,
    beta1: float = 0.9,
    beta2: float = 0.99,
) -> Optimizer:
    """Lion: ``θ ← θ − α (λ θ + sign(β₁ m + (1−β₁) g))``, then ``m ← β₂ m + (1−β₂) g``.

    Every entry moves by α, so that rates are 3 to 10 times smaller than AdamW's, and λ, which is
    for weights (not biases), as much larger.

    Parameters
    ----------
    learning_rate : float, array or schedule, default 1e-4
    weight_decay : float, default 1e-1
        λ, apart from any `l2` in the cost.
    beta1, beta2 : float, defaults 0.9 and 0.99
        Below 1.

    References
    ----------
    Chen et al. 2023, "Symbolic discovery of optimization algorithms".
    """
    fractions(beta1=beta1, beta2=beta2)
    at_least_zero(weight_decay=weight_decay)
    return _optimizer("lion", learning_rate, beta1=beta1, beta2=beta2, decay=weight_decay)


def _optimizer(name: str, learning_rate: Rate | Schedule, **settings: float) -> Optimizer:
    """The optimiser of that row, made of functions with a name here: it can be pickled."""
    kind, rate = OPTIMIZERS[name], constant(learning_rate)
    return Optimizer(
        _Initial(kind.moments),
        _Hyperparameters(name, rate, settings),
        _Applying(name),
        rate,
    )


@dataclass(frozen=True)
class _Initial:
    """So many moments that are 0."""

    moments: int

    def __call__(self, params: Params) -> OptimizerState:
        # Each of its own: a caller may donate them, or write over them.
        W = params[0][0]
        zeros = partial(_zeros_like, array_namespace(W), device(W))
        moments = tuple(map_params(zeros, params) for _ in range(self.moments))
        return OptimizerState(0, moments)


def _zeros_like(xp: ModuleType, there: Any, tensor: Array) -> Array:
    flags = getattr(tensor, "flags", None)
    if flags is not None and not flags.c_contiguous:
        return xp.zeros_like(tensor)  # in its order, as of the weights that meet a sparse X
    # By shape: NumPy takes memory for it only where it is looked at.
    return xp.zeros(tensor.shape, dtype=tensor.dtype, device=there)


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
        there = {name: _beside(number, params[0][0]) for name, number in hyperparameters.items()}
        return kernels.update(self.kernel, params, grads, moments, **there)


def _as_given(rates: Sequence[Rate], steps: Sequence[int], settings: dict[str, Any]) -> Numbers:
    return [{"rate": rate, **settings} for rate in rates]


@dataclass(frozen=True, eq=False)
class _Hyperparameters:
    """The hyperparameters as a function of t; shown as the call that makes their optimiser."""

    name: str
    rate: Schedule
    settings: dict[str, Any]

    def __call__(self, t: int) -> dict[str, Any]:
        return self.of_steps((t,))[0]

    def of_steps(self, steps: Sequence[int]) -> Numbers:
        """Those of each step, none of which would promote float32."""
        of_kind = OPTIMIZERS[self.name].hyperparameters
        rates = [self.rate(t) for t in steps]  # no iterator, which a StopIteration would end
        found = of_kind(rates, steps, self.settings)
        # Those of one step tell the kinds of all, whose rates are of one kind.
        some = chain(rates, *map(dict.values, found[:1]))
        if set(map(type, some)) == {float}:
            return found
        return [{key: _as_float(number) for key, number in numbers.items()} for numbers in found]

    def __repr__(self) -> str:
        shown = {"learning_rate": self.rate} | {
            _ARGUMENTS.get(key, key): number for key, number in self.settings.items()
        }
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"


_ARGUMENTS = {"decay": "weight_decay"}
"""The arguments of optimisers that kernels know by another name."""


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


class OptimizerKind(NamedTuple):
    """A row of `OPTIMIZERS`.

    Attributes
    ----------
    make : ``(learning_rate, ...) -> Optimizer``
    moments : int
        How many moments it keeps, each shaped like the parameters.
    hyperparameters : ``(rates, steps, settings) -> list of dict``
        What its kernel is given at each of these steps.
    per_network : tuple of str
        The arguments of `make` that may be arrays ``(K, 1, 1)``, one number for each network of a
        stack.
    """

    make: Callable[..., Optimizer]
    moments: int
    hyperparameters: Callable[[Sequence[Rate], Sequence[int], dict[str, Any]], Numbers]
    per_network: tuple[str, ...]


_ADAMS = ("learning_rate", "beta1", "beta2", "eps")

OPTIMIZERS: Mapping[str, OptimizerKind] = {
    "sgd": OptimizerKind(sgd, 0, _as_given, ("learning_rate",)),
    "momentum": OptimizerKind(momentum, 1, _as_given, ("learning_rate", "mu")),
    "nesterov": OptimizerKind(nesterov, 1, _as_given, ("learning_rate", "mu")),
    "rmsprop": OptimizerKind(rmsprop, 1, _as_given, ("learning_rate", "rho", "eps")),
    "adam": OptimizerKind(adam, 2, rate_corrected, _ADAMS),
    "adamw": OptimizerKind(adamw, 2, with_corrections, (*_ADAMS, "weight_decay")),
    "nadam": OptimizerKind(nadam, 2, with_shares, ("learning_rate", "beta2", "eps")),
    "lion": OptimizerKind(lion, 1, _as_given, ("learning_rate", "beta1", "beta2", "weight_decay")),
}
"""The first-order optimisers by name, which is also the name of their update in the kernels.

The command line and the lists in the tests are read from here.
"""
