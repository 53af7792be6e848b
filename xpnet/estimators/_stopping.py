"""When to stop: scikit-learn's count of epochs without improvement, by loss or by score.

The counts and the best are fitted attributes of the model, so that they outlive a call of
``partial_fit`` or of ``fit`` with ``warm_start``.
"""

from __future__ import annotations

import math
from typing import Any

from xpnet.types import Params

__all__ = ["begin", "check_known", "is_exhausted", "note_loss", "note_score"]


KEPT = (
    "loss_curve_",
    "validation_scores_",
    "validation_loss_curve_",
    "best_loss_",
    "best_validation_score_",
)
"""What the epochs of a fit leave; nothing where there were none, as with L-BFGS."""


def begin(model: Any, *, afresh: bool) -> None:
    """Forget earlier epochs if `afresh`; else only the best by what is not watched any more."""
    if afresh or not hasattr(model, "loss_curve_"):
        model.loss_curve_ = []
        model.validation_scores_ = model.validation_loss_curve_ = None
        model.best_loss_ = model.best_validation_score_ = None
    if model.early_stopping and model.best_validation_score_ is None:
        model.best_loss_, model.best_validation_score_ = None, -math.inf
    elif not model.early_stopping and model.best_loss_ is None:
        model.best_loss_, model.best_validation_score_ = math.inf, None


def check_known(model: Any) -> None:
    """Raise ValueError if only some of what epochs leave is there, or the best by nothing."""
    known = [hasattr(model, name) for name in KEPT]
    if any(known) != all(known) or (
        any(known) and model.best_loss_ is None and model.best_validation_score_ is None
    ):
        raise ValueError(f"it has not all of {', '.join(KEPT)}")


def note_loss(model: Any) -> None:
    """Compare the newest loss with the best: an improvement is one by more than ``tol``."""
    loss = model.loss_curve_[-1]
    # A loss that is no number compares false, and counts as scikit-learn counts it: as none.
    worse = loss > model.best_loss_ - model.tol
    model._no_improvement_count = model._no_improvement_count + 1 if worse else 0
    if loss < model.best_loss_:
        model.best_loss_ = loss


def note_score(model: Any, params: Params) -> None:
    """Compare the newest score with the best, and keep the best score's parameters."""
    score = model.validation_scores_[-1]
    worse = score < model.best_validation_score_ + model.tol
    model._no_improvement_count = model._no_improvement_count + 1 if worse else 0
    if score > model.best_validation_score_:
        model.best_validation_score_ = score
        model._best_params = params


def is_exhausted(model: Any) -> str:
    """Why to stop, if patience is at its end; else an empty string."""
    if model._no_improvement_count <= model.n_iter_no_change:
        return ""
    what = "Validation score" if model.early_stopping else "Training loss"
    return (
        f"{what} did not improve more than tol={model.tol:f} for {model.n_iter_no_change} "
        "consecutive epochs."
    )
