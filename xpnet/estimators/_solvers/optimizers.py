"""Solvers and learning rates of the estimators, as optimisers of `xpnet.optim`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, partial
from inspect import signature
from typing import Any

from xpnet import optim
from xpnet.types import Optimizer

SMALLEST_RATE = 1e-6
"""An adaptive rate below this is not lowered any more."""


class LearningRate:
    """Learning rate of scikit-learn's schedules, which change it between epochs.

    `schedule` is "constant", "invscaling" or "adaptive"; `power` is that of "invscaling".
    """

    def __init__(self, initial: float, schedule: str, power: float) -> None:
        self.initial = self.value = float(initial)
        self.schedule, self.power = schedule, power

    def __call__(self, t: int) -> float:
        """The rate of every step t of this epoch."""
        return self.value

    def end_epoch(self, samples_seen: int) -> None:
        """Set ``initial / (samples + 1) ^ power`` with "invscaling"."""
        if self.schedule == "invscaling":
            self.value = self.initial / (samples_seen + 1) ** self.power

    def lowered(self) -> bool:
        """Lower an adaptive rate to a fifth; return whether that was possible."""
        if self.schedule != "adaptive" or self.value <= SMALLEST_RATE:
            return False
        self.value /= 5.0
        return True


def _sgd(model: Any, rate: LearningRate) -> Optimizer:
    if model.momentum == 0:
        return _made("sgd", rate)
    return _made("nesterov" if model.nesterovs_momentum else "momentum", rate, mu=model.momentum)


def _by_name(name: str, model: Any, rate: LearningRate) -> Optimizer:
    """An optimiser of xpnet's table, with those settings of the model that it has."""
    settings = {"beta1": model.beta_1, "beta2": model.beta_2, "eps": model.epsilon}
    known = _arguments(name)
    return _made(name, rate, **{key: value for key, value in settings.items() if key in known})


@cache
def _arguments(name: str) -> frozenset[str]:
    """Those of the function that makes an optimiser: to look takes longer than to make it."""
    return frozenset(signature(optim.OPTIMIZERS[name].make).parameters)


def _made(name: str, rate: LearningRate, **settings: float) -> Optimizer:
    """An optimiser; with a constant rate the same one for the same settings.

    Trainings side by side, such as those of one candidate on all folds, then share the numbers of
    their steps.
    """
    if rate.schedule == "constant":
        return _constant(name, rate.value, **settings)
    return optim.OPTIMIZERS[name].make(rate, **settings)


@lru_cache(maxsize=128)
def _constant(name: str, rate: float, **settings: float) -> Optimizer:
    return optim.OPTIMIZERS[name].make(rate, **settings)


STOCHASTIC: dict[str, Callable[[Any, LearningRate], Optimizer]] = {
    # scikit-learn spells momentum and nesterov as settings of sgd.
    **{
        name: partial(_by_name, name) for name in optim.OPTIMIZERS.keys() - {"momentum", "nesterov"}
    },
    "sgd": _sgd,
}


def is_stochastic(solver: Any) -> bool:
    """Whether `solver` uses mini-batches, as all but ``lbfgs`` do."""
    return not isinstance(solver, str) or solver in STOCHASTIC


def restart(model: Any) -> None:
    """Reset learning rate and optimiser state; only ``sgd`` has a schedule."""
    schedule = model.learning_rate if model.solver == "sgd" else "constant"
    model._rate = LearningRate(model.learning_rate_init, schedule, model.power_t)
    model._optimizer_state, model._state_of = None, model.solver


def resumed(model: Any) -> Optimizer:
    """The optimiser of `model`, which starts from its last state if the solver is the same."""
    if model._state_of != model.solver:
        restart(model)
    optimizer, state = _clipped(model, model._rate), model._optimizer_state
    # As it is, though copies of a model share it: no step writes over what it has not made.
    return optimizer if state is None else optimizer._replace(init=lambda params: state)


def _clipped(model: Any, rate: LearningRate) -> Optimizer:
    optimizer = _chosen(model, rate)
    return optimizer if model.clip_norm is None else optim.clip(optimizer, model.clip_norm)


def _chosen(model: Any, rate: LearningRate) -> Optimizer:
    """The optimiser of a name, an optimiser itself, or the result of a function of the rate."""
    if isinstance(model.solver, str):
        return STOCHASTIC[model.solver](model, rate)
    if isinstance(model.solver, Optimizer):
        return model.solver
    chosen = model.solver(rate)
    if not isinstance(chosen, Optimizer):
        raise TypeError(
            f"solver returned {chosen!r}: expected an Optimizer, made from the "
            "learning rate that it is given, as xpnet.optim.adamw makes one"
        )
    return chosen
