"""Constraints on the parameters of the estimators' constructors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from xpnet.callbacks import Callback
from xpnet.estimators._sklearn.private import Interval, Options, StrOptions
from xpnet.estimators._sklearn.warnings import warn
from xpnet.estimators._solvers.optimizers import STOCHASTIC
from xpnet.init import SCHEMES
from xpnet.kernels import ACTIVATIONS
from xpnet.train.checkpoints.recorder import Checkpoints
from xpnet.types import Optimizer

CLASS_WEIGHT = [dict, StrOptions({"balanced"}), None]

MLP: dict[str, list[Any]] = {
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
    "checkpoint": [Checkpoints, None],
}
"""Constraints that scikit-learn checks when a fit begins, of the parameters that both MLPs have."""

LOGISTIC: dict[str, list[Any]] = {
    "penalty": [StrOptions({"l1", "l2", "elasticnet", "deprecated"}), None],
    "C": [Interval(Real, 0, None, closed="right")],
    "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
    "dual": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "fit_intercept": ["boolean"],
    "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
    "class_weight": CLASS_WEIGHT,
    "random_state": ["random_state"],
    "solver": [StrOptions({"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"})],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "n_jobs": [None, Integral],
}
"""The same for logistic regression."""

PENALTY = (
    "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid this warning, "
    "leave 'penalty' set to its default value and use 'l1_ratio' or 'C' instead: l1_ratio=0 "
    "instead of penalty='l2', l1_ratio=1 instead of penalty='l1', a number between 0 and 1 instead "
    "of penalty='elasticnet', and C=np.inf instead of penalty=None."
)
L1_RATIO = (
    "'l1_ratio=None' was deprecated in version 1.8 and will trigger an error in 1.10. Use "
    "l1_ratio=0 instead."
)
N_JOBS = (
    "'n_jobs' has no effect since 1.8 and will be removed in 1.10. You provided 'n_jobs={}', "
    "please leave it unspecified."
)


def set_parameters(estimator: Any, parameters: Mapping[str, Any]) -> None:
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


def check_checkpoint(model: Any, incremental: bool) -> None:
    """Raise ValueError where `checkpoint` is given for a fit that cannot be repeated."""
    if model.checkpoint is None:
        return
    if incremental:
        raise ValueError(
            "checkpoint is for fit, as partial_fit sees one chunk of the data: "
            "set_params(checkpoint=None), and save the model after a chunk"
        )
    if model.random_state is None:
        raise ValueError(
            "random_state is None, but a fit that is to be resumed must draw the same numbers "
            "again: give a number with checkpoint, such as random_state=0"
        )


def hidden_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Units of each hidden layer; raise unless they are whole numbers above 0."""
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

    Raises ValueError if there is neither one name nor one per layer, or a name is unknown.
    """
    names = (activation,) * hidden_layers if isinstance(activation, str) else tuple(activation)
    if len(names) != hidden_layers:
        raise ValueError(
            f"activation has {len(names)} names: expected one name for all hidden layers, or "
            f"{hidden_layers}, one per layer of hidden_layer_sizes"
        )
    names = tuple("sigmoid" if name == "logistic" else name for name in names)
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"activation {name!r} is unknown: choose of {', '.join(ACTIVATIONS)}")
    return names


def check_solver_uses(model: Any, validation_given: bool) -> None:
    """Raise ValueError for a setting that L-BFGS, which has no mini-batches, would ignore."""
    ignored = {
        "dropout": model.dropout > 0,
        "clip_norm": model.clip_norm is not None,
        "X_val": validation_given,
        "checkpoint": model.checkpoint is not None,
    }
    for name, given in ignored.items():
        if given and model.solver == "lbfgs":
            raise ValueError(
                f"{name} has no meaning for solver='lbfgs', which uses no mini-batches: leave it "
                "out, or use solver='adam'"
            )


class Penalty(NamedTuple):
    """λ of the L1 penalty ``λ Σ |W|`` and of the L2 penalty ``(λ / 2) Σ W²``."""

    l1: float
    l2: float


def penalty(model: Any) -> Penalty:
    """Return the penalty of logistic regression, after scikit-learn's warnings and errors.

    scikit-learn 1.8 began to replace ``penalty`` by ``C`` and ``l1_ratio``; both still work:

    ============ ======================= ================== ========================
    penalty      the same without it     λ of L1            λ of L2
    ============ ======================= ================== ========================
    "l2"         ``l1_ratio=0``          0                  ``1 / C``
    "l1"         ``l1_ratio=1``          ``1 / C``          0
    "elasticnet" ``0 < l1_ratio < 1``    ``l1_ratio / C``   ``(1 − l1_ratio) / C``
    None         ``C=numpy.inf``         0                  0
    ============ ======================= ================== ========================

    Raises ValueError for what scikit-learn does not minimise either, and for ``liblinear``.
    """
    if model.penalty != "deprecated":
        warn(model, PENALTY, FutureWarning)
    elif model.l1_ratio is None:
        warn(model, L1_RATIO, FutureWarning)
    name = _name(model)
    _check_logistic_solver(model, name)
    _warn_of_what_is_ignored(model, name)
    if name is None:
        return Penalty(0.0, 0.0)
    ratio = {"l2": 0.0, "l1": 1.0}.get(name, model.l1_ratio)
    return Penalty(float(ratio / model.C), float((1 - ratio) / model.C))


def _name(model: Any) -> str | None:
    """The penalty by its former name, from ``penalty`` or from ``C`` and ``l1_ratio``."""
    if model.penalty != "deprecated":
        return str(model.penalty) if model.penalty else None
    if math.isinf(model.C):
        return None
    return {0: "l2", None: "l2", 1: "l1"}.get(model.l1_ratio, "elasticnet")


def _check_logistic_solver(model: Any, name: str | None) -> None:
    """Raise ValueError for a solver that xpnet lacks, or that is not for this problem."""
    solver = model.solver
    if solver == "liblinear":
        why = "it alone penalises the intercept" if model.fit_intercept else "the minimum is theirs"
        raise ValueError(
            f"solver='liblinear' is not in xpnet, all others are: {why}; use solver='lbfgs', or "
            "'saga' for an L1 penalty"
        )
    if name not in ("l2", None) and solver != "saga":
        raise ValueError(
            f"Solver {solver} supports only 'l2' or None penalties, got {name} penalty: set "
            "solver='saga'"
        )
    if model.dual:
        raise ValueError(
            f"Solver {solver} supports only dual=False, got dual=True: leave dual out; the "
            "minimum is the same"
        )
    if name == "elasticnet" and model.l1_ratio is None:
        raise ValueError(
            "l1_ratio must be specified when penalty is elasticnet: set a number from 0 to 1"
        )


def _warn_of_what_is_ignored(model: Any, name: str | None) -> None:
    if name != "elasticnet" and model.l1_ratio not in (0, 1, None):
        warn(
            model,
            f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={name})",
        )
    if model.l1_ratio != {"l2": 0, "l1": 1}.get(model.penalty, model.l1_ratio):
        warn(
            model,
            f"Inconsistent values: penalty={model.penalty} with l1_ratio={model.l1_ratio}. penalty "
            "is deprecated. Please use l1_ratio only.",
        )
    if model.penalty is None and model.C != 1.0:
        warn(model, "Setting penalty=None will ignore the C and l1_ratio parameters")
    if model.n_jobs is not None:
        warn(model, N_JOBS.format(model.n_jobs), FutureWarning)
