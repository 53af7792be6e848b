"""What scikit-learn's logistic regression is told of its solver and its penalty.

scikit-learn 1.8 began to replace ``penalty`` by ``C`` and ``l1_ratio``; until it is gone, both say:

==================== ======================= =========
penalty              the same without it     λ
==================== ======================= =========
"l2"                 ``l1_ratio=0``          ``1 / C``
None                 ``C=numpy.inf``         0
"l1", "elasticnet"   ``l1_ratio > 0``        an error
==================== ======================= =========
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from xpnet.estimators._sklearn_private import Interval, StrOptions
from xpnet.estimators._warnings import warn

__all__ = ["CONSTRAINTS", "check_solver", "strength"]

CONSTRAINTS: dict[str, list[Any]] = {
    "penalty": [StrOptions({"l1", "l2", "elasticnet", "deprecated"}), None],
    "C": [Interval(Real, 0, None, closed="right")],
    "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
    "dual": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "fit_intercept": ["boolean"],
    "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
    "class_weight": [dict, StrOptions({"balanced"}), None],
    "random_state": ["random_state"],
    "solver": [StrOptions({"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"})],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "n_jobs": [None, Integral],
}
"""What scikit-learn checks when a fit begins."""

PENALTY = (
    "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid this warning, "
    "leave 'penalty' set to its default value and use 'l1_ratio' or 'C' instead: l1_ratio=0 "
    "instead of penalty='l2', and C=np.inf instead of penalty=None."
)
L1_RATIO = (
    "'l1_ratio=None' was deprecated in version 1.8 and will trigger an error in 1.10. Use "
    "l1_ratio=0 instead."
)
N_JOBS = (
    "'n_jobs' has no effect since 1.8 and will be removed in 1.10. You provided 'n_jobs={}', "
    "please leave it unspecified."
)


def strength(model: Any) -> float:
    """Return λ, after scikit-learn's warnings of what is deprecated or contradicts itself.

    Parameters
    ----------
    model : LogisticRegression

    Raises
    ------
    ValueError
        If the penalty has an L1 part.
    """
    if model.penalty != "deprecated":
        warn(model, PENALTY, FutureWarning)
    elif model.l1_ratio is None:
        warn(model, L1_RATIO, FutureWarning)
    name = _name(model)
    _check_smooth(model, name)
    if model.l1_ratio not in (0, 1, None):
        warn(
            model,
            f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={name})",
        )
    if model.penalty == "l2" and model.l1_ratio != 0:
        warn(
            model,
            f"Inconsistent values: penalty=l2 with l1_ratio={model.l1_ratio}. penalty is "
            "deprecated. Please use l1_ratio only.",
        )
    if model.penalty is None and model.C != 1.0:
        warn(model, "Setting penalty=None will ignore the C and l1_ratio parameters")
    return 0.0 if name is None else 1.0 / float(model.C)


def _name(model: Any) -> str | None:
    """The penalty by its former name, whichever of the two ways it is asked for."""
    if model.penalty != "deprecated":
        return str(model.penalty) if model.penalty else None
    if math.isinf(model.C):
        return None
    return {0: "l2", None: "l2", 1: "l1"}.get(model.l1_ratio, "elasticnet")


def _check_smooth(model: Any, name: str | None) -> None:
    """Raise if there is an L1 part, whatever solver is asked for."""
    if name in ("l2", None):
        return
    by = "l1_ratio" if model.penalty == "deprecated" else "penalty"
    raise ValueError(
        f"{by}={getattr(model, by)!r} asks for an L1 penalty: xpnet has the L2 penalty alone, "
        "l1_ratio=0, with solver='lbfgs'; for L1 use sklearn.linear_model.LogisticRegression, "
        "solver='saga'"
    )


def check_solver(model: Any) -> None:
    """Raise ValueError for a solver, or a form of the problem, that xpnet has not.

    Parameters
    ----------
    model : LogisticRegression
    """
    if model.solver != "lbfgs":
        another = model.solver == "liblinear" and model.fit_intercept
        minimum = (
            "liblinear alone penalises the intercept" if another else "The minimum is the same"
        )
        raise ValueError(
            f"solver={model.solver!r} is not in xpnet, which has 'lbfgs' alone: leave "
            f"{'solver and dual' if model.dual else 'solver'} out. {minimum}, and X needs no "
            "scaling"
        )
    if model.dual:
        raise ValueError(
            "Solver lbfgs supports only dual=False, got dual=True: leave dual out; the minimum is "
            "the same"
        )
    if model.n_jobs is not None:
        warn(model, N_JOBS.format(model.n_jobs), FutureWarning)
