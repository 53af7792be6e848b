"""Warnings of fits: noted, and given later; those of xpnet point at the caller's line."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from types import FrameType
from typing import Any, TypeVar

Found = TypeVar("Found")

BETWEEN = ("xpnet", "sklearn", "joblib")
"""Packages that may lie on the stack between the caller's line and the one that warns."""

_said: ContextVar[list[Callable[[], object]] | None] = ContextVar("said", default=None)


@contextmanager
def noted(said: list[Callable[[], object]]) -> Iterator[None]:
    """Context in which a warning is not given, but a call that gives it is put into `said`."""
    token = _said.set(said)
    with _lock:
        if _within:
            _begin_to_note()
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
_within = 0  # contexts of all threads: Python has one way to show warnings for all of them
_shown_else: Any = warnings.showwarning
_given: dict[str, dict[Any, Any]] = {}  # by file: "default" gives a warning once for each line


@contextmanager
def _all_noted() -> Iterator[None]:
    """Context in which warnings come to `_note`, of each thread that is in such a context."""
    global _within
    with _lock:
        _within += 1
        filters = _begin_to_note()
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if not _within:
                _end_to_note(filters, warnings.filters)


def _begin_to_note() -> Any:
    """Set what notes warnings, and our filter among those that are returned.

    That is done again and again: a context in another thread may have put back what was before it,
    and a warning that another thread has been given once is noted again only after a change.
    """
    global _shown_else
    note: Any = _note
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
        given = _given.setdefault(file, {})
        said.append(partial(warnings.warn_explicit, message, category, file, line, registry=given))


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
