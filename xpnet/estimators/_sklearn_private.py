"""What scikit-learn keeps private: touched here and nowhere else."""

from __future__ import annotations

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
]

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
