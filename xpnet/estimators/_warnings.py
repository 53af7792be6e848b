"""Warnings of the estimators: at the caller's line, under scikit-learn's filters."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any

__all__ = ["warn"]

BETWEEN = ("xpnet", "sklearn", "joblib")
"""Packages that may stand between the line that asked for a fit and the one that warns."""


def warn(model: Any, text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called into xpnet or scikit-learn.

    scikit-learn's warnings point into its own files, so its users silence them by
    ``filterwarnings(module="sklearn")``. Ours carry the same module, and the caller's line.

    Parameters
    ----------
    model : estimator
        Its ``_warns_as`` is the module of scikit-learn's class of the same name.
    text : str
    category : type, default UserWarning
    """
    frame = _callers(sys._getframe(1))
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=model._warns_as,
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _callers(frame: FrameType) -> FrameType:
    """The nearest frame outside `BETWEEN`, or the outermost."""
    while frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        if frame.f_back is None:
            break
        frame = frame.f_back
    return frame
