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

import warnings
from numbers import Integral, Real
from typing import Any

from xpnet.estimators._sklearn_private import Interval, StrOptions

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


def check_solver(model: Any) -> None:
    """Raise ValueError for a solver, or a form of the problem, that xpnet has not.

    Parameters
    ----------
    model : LogisticRegression
    """
    if model.solver != "lbfgs":
        raise ValueError(
            f"solver={model.solver!r} is not in xpnet, which has 'lbfgs' alone: leave solver out. "
            "The minimum is the same, and X needs no scaling"
        )
    if model.dual:
        raise ValueError(
            "Solver lbfgs supports only dual=False, got dual=True: leave dual out; the minimum is "
            "the same"
        )
    if model.n_jobs is not None:
        _deprecated(f"'n_jobs={model.n_jobs}' has no effect, and goes in scikit-learn 1.10")


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
    _check_smooth(model)
    if model.penalty is None and model.C != 1.0:
        _ignored("penalty=None will ignore the C and l1_ratio parameters")
    if model.penalty == "l2" and model.l1_ratio != 0:
        _ignored(
            f"Inconsistent values: penalty='l2' with l1_ratio={model.l1_ratio}, which has none"
        )
    return 0.0 if model.penalty is None else 1.0 / float(model.C)


def _check_smooth(model: Any) -> None:
    """Raise if there is an L1 part; warn of what goes in scikit-learn 1.10."""
    if model.penalty != "deprecated":
        _deprecated(
            "'penalty' was deprecated in scikit-learn 1.8 and goes in 1.10: leave it out, and say "
            "C=numpy.inf in place of penalty=None"
        )
        asks, given = model.penalty in ("l1", "elasticnet"), f"penalty={model.penalty!r}"
    else:
        asks, given = model.l1_ratio not in (0, None), f"l1_ratio={model.l1_ratio}"
    if model.l1_ratio is None:
        _deprecated("'l1_ratio=None' was deprecated in scikit-learn 1.8: use l1_ratio=0")
    if asks:
        raise ValueError(
            f"{given} asks for an L1 penalty: lbfgs minimises smooth losses alone, so expected "
            "l1_ratio=0; for L1 there is scikit-learn's solver='saga'"
        )


def _deprecated(text: str) -> None:
    warnings.warn(text, FutureWarning, stacklevel=6)


def _ignored(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=5)
