"""Private names of scikit-learn, imported here alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from importlib import metadata
from typing import Any, cast

from sklearn import config_context
from sklearn.base import _fit_context
from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
from sklearn.metrics._scorer import _Scorer as Scorer
from sklearn.utils._array_api import _estimator_with_converted_arrays as with_arrays
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _check_sample_weight

from xpnet.estimators._sklearn.tooltips import with_tooltips
from xpnet.types import Array

__all__ = [
    "DocumentedMixin",
    "Interval",
    "NamesMixin",
    "Options",
    "PassthroughScorer",
    "Scorer",
    "StrOptions",
    "check_parameters",
    "checks_parameters",
    "checks_skipped",
    "gives_arrays",
    "host_weights",
    "part_for",
    "task_of_fit",
    "with_arrays",
]

checks_parameters = _fit_context(prefer_skip_nested_validation=True)
"""Decorator of `fit`: checks the constructor's parameters against ``_parameter_constraints``, and
takes scikit-learn's callbacks down when the method ends, however it ends."""


class NamesMixin:
    """Adds to an estimator that its parameters' names are looked up once, not at each clone."""

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        return list(cast(Any, super())._get_param_names())


class DocumentedMixin:
    """Adds to an estimator's HTML what its docstring says of parameters and fitted attributes.

    And links to the documentation, where the installed package says where that is.
    """

    _public_in = "xpnet"
    _documented_as: tuple[type, ...] = ()
    """Classes that the docstring refers to for what it does not describe itself."""

    def _get_doc_link(self) -> str:
        cls = type(self)
        if cls.__module__.partition(".")[0] != "xpnet":  # a user's, by scikit-learn's rules
            return cast(str, cast(Any, super())._get_doc_link())
        base = documentation()
        return f"{base}/{self._public_in}.{cls.__name__}.html" if base else ""

    def _get_params_html(self, *args: Any, **named: Any) -> Any:
        return _described(cast(Any, super())._get_params_html(*args, **named), "Parameters")

    def _get_fitted_attr_html(self, *args: Any, **named: Any) -> Any:
        return _described(cast(Any, super())._get_fitted_attr_html(*args, **named), "Attributes")


def _described(table: Any, section: str) -> Any:
    """scikit-learn's `table`, shown with tooltips and links of ours."""
    try:
        plain, cls, page = table._html_repr, table.estimator_class, table.doc_link
    except AttributeError:  # of a later scikit-learn, which shows it as it does all others
        return table
    table.doc_link = ""  # for plain names
    html = with_tooltips(plain(), cls, section, page)
    table._html_repr = lambda: html  # not of `table`: a cycle would keep fitted arrays alive
    return table


@cache
def documentation() -> str:
    """Where the documentation is, as the installed package says; else an empty text."""
    try:
        entries = metadata.metadata("xpnet").get_all("Project-URL", [])
    except metadata.PackageNotFoundError:
        entries = []
    urls: dict[str, str] = dict(entry.split(", ", 1) for entry in entries)
    return urls.get("Documentation", "").rstrip("/")


def host_weights(sample_weight: Any, X: Array, dtype: Any) -> Array:
    """Return weights on the host as ``(m,)``: finite, none negative, not all 0."""
    return _check_sample_weight(sample_weight, X, dtype=dtype, ensure_non_negative=True)


def check_parameters(estimator: Any) -> None:
    """Raise scikit-learn's error if a parameter is not what ``_parameter_constraints`` allow."""
    estimator._validate_params()


def checks_skipped() -> AbstractContextManager[None]:
    """Context within a `fit`, whose parameters are checked: what it calls need not look again."""
    context: AbstractContextManager[None] = config_context(skip_parameter_validation=True)
    return context


def gives_arrays(transformer: Any) -> bool:
    """Whether what a transformer makes of arrays are arrays: nobody has asked for frames."""
    return bool(_get_output_config("transform", transformer)["dense"] == "default")


def task_of_fit(estimator: Any, rounds: int) -> Any:
    """Return the root of scikit-learn's tree of tasks for a fit of at most `rounds` rounds."""
    return estimator._init_callback_context(max_subtasks=rounds)


def part_for(
    estimator: Any, X: Any, y: Any, params: dict[str, Any], rows: Any, fitted_on: Any = None
) -> tuple[Any, Any, dict[str, Any]]:
    """X, y and the parameters of a method for some rows, as scikit-learn's evaluation takes them.

    A kernel's X has the columns `fitted_on`, the same if left out.
    """
    params = _check_method_params(X, params, indices=rows)
    return *_safe_split(estimator, X, y, rows, fitted_on), params
