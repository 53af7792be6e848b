"""The constructor's parameters: what they may be, and how an estimator takes them in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from xpnet.callbacks import Callback
from xpnet.estimators._sklearn_private import Interval, Options, StrOptions
from xpnet.estimators._solvers import STOCHASTIC
from xpnet.init import SCHEMES
from xpnet.kernels import ACTIVATIONS
from xpnet.types import Optimizer

__all__ = [
    "CONSTRAINTS",
    "activation_names",
    "check_callbacks",
    "check_solver_reads",
    "hidden_sizes",
    "take",
]

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({*ACTIVATIONS, "logistic"}), "array-like"],
    "solver": [StrOptions({*STOCHASTIC, "lbfgs"}), Optimizer, callable],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {math.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "init": [StrOptions(set(SCHEMES)), callable, None],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "scoring": [str, callable, None],
    "callbacks": ["array-like"],
}
"""What scikit-learn checks when a fit begins, for the parameters that both MLPs have."""


def take(estimator: Any, parameters: Mapping[str, Any]) -> None:
    """Make an attribute of each parameter of ``__init__``, given its ``locals()``."""
    for name, value in parameters.items():
        if name != "self":
            setattr(estimator, name, value)


def check_callbacks(callbacks: Sequence[Any]) -> None:
    """Raise TypeError unless all are callbacks of xpnet's kind."""
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks holds {callback!r}: expected instances of xpnet.callbacks.Callback; "
                "scikit-learn's callbacks are set by set_callbacks"
            )


def hidden_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Units of each hidden layer.

    Raises
    ------
    ValueError, TypeError
        If one of them is not positive, or no whole number.
    """
    several = hasattr(hidden_layer_sizes, "__iter__")
    sizes = list(hidden_layer_sizes) if several else [hidden_layer_sizes]
    for size in sizes:
        if not isinstance(size, Integral) or isinstance(size, bool):
            raise TypeError(
                f"hidden_layer_sizes holds {size!r}: expected whole numbers above 0, the units of "
                "each hidden layer, such as (100, 50)"
            )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {list(map(int, sizes))}.")
    return tuple(map(int, sizes))


def activation_names(activation: Any, hidden_layers: int) -> tuple[str, ...]:
    """The name in xpnet of the activation of each hidden layer.

    Raises
    ------
    ValueError
        If there is not one name a hidden layer, or one for all, or a name is unknown.
    """
    names = (activation,) * hidden_layers if isinstance(activation, str) else tuple(activation)
    if len(names) != hidden_layers:
        raise ValueError(
            f"activation has {len(names)} names: expected one name for all hidden layers, or "
            f"{hidden_layers}, one a layer of hidden_layer_sizes"
        )
    names = tuple("sigmoid" if name == "logistic" else name for name in names)
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"activation {name!r} is unknown: choose of {', '.join(ACTIVATIONS)}")
    return names


def check_solver_reads(model: Any, validation_given: bool) -> None:
    """Raise ValueError where L-BFGS would ignore something that only steps on batches can do."""
    ignored = {
        "dropout": model.dropout > 0,
        "clip_norm": model.clip_norm is not None,
        "X_val": validation_given,
    }
    for name, given in ignored.items():
        if given and model.solver == "lbfgs":
            raise ValueError(
                f"{name} has no meaning for solver='lbfgs', which takes no steps on mini-batches: "
                f"leave it out, or use solver='adam'"
            )
