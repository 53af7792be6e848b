"""Private names of scikit-learn, imported here alone, and warnings under its filters."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight

from xpnet.types import Array

__all__ = [
    "Interval",
    "Options",
    "StrOptions",
    "check_parameters",
    "checks_parameters",
    "host_weights",
    "task_of_fit",
    "warn",
]

BETWEEN = ("xpnet", "sklearn", "joblib")
"""Packages that may lie on the stack between the caller's line and the one that warns."""

checks_parameters = _fit_context(prefer_skip_nested_validation=True)
"""Decorator of `fit`: checks the constructor's parameters against ``_parameter_constraints``, and
takes scikit-learn's callbacks down when the method ends, however it ends."""


def host_weights(sample_weight: Any, X: Array, dtype: Any) -> Array:
    """Return weights on the host as ``(m,)``: finite, none negative, not all 0."""
    return _check_sample_weight(sample_weight, X, dtype=dtype, ensure_non_negative=True)


def check_parameters(estimator: Any) -> None:
    """Raise scikit-learn's error if a parameter is not what ``_parameter_constraints`` allow."""
    estimator._validate_params()


def task_of_fit(estimator: Any, rounds: int) -> Any:
    """Return the root of scikit-learn's tree of tasks for a fit of at most `rounds` rounds."""
    return estimator._init_callback_context(max_subtasks=rounds)


def warn(model: Any, text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called into xpnet or scikit-learn.

    scikit-learn's warnings point into its own files, and its users silence them by
    ``filterwarnings(module="sklearn")``. These warnings have the same module, so that such filters
    work, but point at the caller's line. ``_warns_as`` of `model` is that module.
    """
    frame = _caller(sys._getframe(1))
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=model._warns_as,
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _caller(frame: FrameType) -> FrameType:
    """The nearest frame outside `BETWEEN`, or the outermost."""
    while frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        if frame.f_back is None:
            break
        frame = frame.f_back
    return frame
