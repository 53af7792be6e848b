"""Private names of scikit-learn, imported here alone, and warnings under its filters."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from functools import cache, partial
from importlib import metadata
from types import FrameType
from typing import Any, TypeVar, cast

from sklearn import config_context
from sklearn.base import _fit_context
from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
from sklearn.metrics._scorer import _Scorer as Scorer
from sklearn.utils._param_validation import Interval, Options, StrOptions
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
    "attempted",
    "check_parameters",
    "checks_parameters",
    "checks_skipped",
    "has_callbacks",
    "host_weights",
    "noted",
    "part_for",
    "task_of_fit",
    "warn",
    "warnings_noted",
]

Found = TypeVar("Found")

BETWEEN = ("xpnet", "sklearn", "joblib")
"""Packages that may lie on the stack between the caller's line and the one that warns."""

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


def has_callbacks(estimator: Any) -> bool:
    """Whether scikit-learn's own callbacks are to hear of a fit."""
    return bool(getattr(estimator, "_skl_callbacks", ()))


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


_said: ContextVar[list[Callable[[], object]] | None] = ContextVar("said", default=None)


@contextmanager
def noted(said: list[Callable[[], object]]) -> Iterator[None]:
    """Context in which a warning is not given, but a call that gives it is put into `said`."""
    token = _said.set(said)
    try:
        yield
    finally:
        _said.reset(token)


def attempted(function: Callable[..., Found], *args: Any) -> Found | None:
    """What a function returns; None if it fails or warns, of which nothing is heard."""
    said: list[Callable[[], object]] = []
    with suppress(Exception), noted(said):
        found = function(*args)
        return None if said else found
    return None


@contextmanager
def warnings_noted() -> Iterator[None]:
    """Context around such ones, so that the warnings of other packages are noted as well.

    Those between two of them are given at the end.
    """
    others: list[Callable[[], object]] = []
    with _all_noted(), noted(others):
        yield
    for give in others:
        give()


class _Noted(type):
    """Class of a category that all warnings are of where they are noted, and none elsewhere."""

    def __subclasscheck__(cls, category: type) -> bool:
        return _said.get() is not None


class _AnyNoted(Warning, metaclass=_Noted):
    """Category of a filter that is for threads that note warnings alone.

    `warnings.catch_warnings` is for one thread: what others filter meanwhile it would change, and
    what they change it would take back. This filter does nothing wherever it is left.
    """


_FILTER = "always", None, _AnyNoted, None, 0

_lock = threading.Lock()
_within = 0  # how many threads: Python has one way to show warnings for all of them
_shown_else: Any = warnings.showwarning


@contextmanager
def _all_noted() -> Iterator[None]:
    """Context in which this thread's warnings come to `_note`, as others' that are in one."""
    global _within
    with _lock:
        _within += 1
        filters = _begin_to_note() if _within == 1 else warnings.filters
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if not _within:
                _end_to_note(filters, warnings.filters)


def _begin_to_note() -> Any:
    """Return the filters that hold ours."""
    global _shown_else
    note: Any = _note
    # A context of others, in another thread, may have put ours back after its end.
    if warnings.showwarning is not note:
        _shown_else = warnings.showwarning
    warnings.simplefilter("always", _AnyNoted)
    warnings.showwarning = note
    return warnings.filters


def _end_to_note(*of_all: Any) -> None:
    for filters in of_all:
        with suppress(ValueError):
            filters.remove(_FILTER)
    note: Any = _note
    if warnings.showwarning is note:
        warnings.showwarning = _shown_else


def _note(message: Any, category: Any, file: str, line: int, *rest: Any, **named: Any) -> None:
    """Note a warning, or show it as ever where its thread is in no such context."""
    said = _said.get()
    if said is None:
        _shown_else(message, category, file, line, *rest, **named)
    else:
        said.append(partial(warnings.warn_explicit, message, category, file, line))


def warn(model: Any, text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called into xpnet or scikit-learn.

    scikit-learn's warnings point into its own files, and its users silence them by
    ``filterwarnings(module="sklearn")``. These warnings have the same module, so that such filters
    work, but point at the caller's line. ``_warns_as`` of `model` is that module.
    """
    said = _said.get()
    if said is not None:
        said.append(partial(warn, model, text, category))
        return
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
