"""Metadata of a model file that the command line reads, checked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from xpnet.data import Columns
from xpnet.data.csv_table import is_delimiter
from xpnet.exceptions import one_line
from xpnet.persist import ModelFileError

__all__ = ["classes_in", "columns_in", "fingerprint_in", "numbers_in"]

_WIDEST = range(-(2**63), 2**64)
"""Whole numbers that an array holds."""


def numbers_in(metadata: Mapping[str, Any], name: str, where: str) -> np.ndarray:
    """Return the finite numbers called `name`; `where` names the file.

    Raises
    ------
    ModelFileError
        Where there are none, or something else.
    """
    found = _entry(metadata, name, where)
    with suppress(ValueError):  # Lists of lists of different lengths.
        numbers = np.asarray(found)
        if numbers.dtype.kind in "iuf" and np.isfinite(numbers).all():
            return numbers
    _refuse(where, name, found, "an array of finite numbers")


def classes_in(metadata: Mapping[str, Any], where: str) -> tuple[str, ...] | tuple[int, ...]:
    """Return the labels of the outputs: texts or whole numbers, none twice.

    Raises
    ------
    ModelFileError
        Where there are none, or something else.
    """
    found = _entry(metadata, "classes", where)
    found = found.tolist() if isinstance(found, np.ndarray) else found
    labels = tuple(found) if isinstance(found, list) else ()
    numbers = all(type(label) is int and label in _WIDEST for label in labels)
    if not labels or not (numbers or all(map(_is_text, labels))) or len(set(labels)) < len(labels):
        _refuse(where, "classes", found, "a list of labels, all texts or all whole numbers")
    return labels


def columns_in(metadata: Mapping[str, Any], where: str) -> Columns | None:
    """Return the columns of the table that was trained on, if it was one.

    Raises
    ------
    ModelFileError
        Where the entry holds something else.
    """
    kept = metadata.get("columns")
    if kept is None:
        return None
    try:
        columns = Columns(**kept)
    except TypeError:
        _refuse(where, "columns", kept, f"the entries {', '.join(Columns._fields)}")
    if not _are_columns(columns):
        _refuse(where, "columns", kept, "names, the label's place among them, and true or false")
    return columns._replace(names=tuple(columns.names))


def fingerprint_in(metadata: Mapping[str, Any], where: str) -> str | None:
    """Return the fingerprint of the samples that were trained on, if it was kept.

    Raises
    ------
    ModelFileError
        Where the entry holds something else.
    """
    found = metadata.get("trained_on")
    if found is not None and not isinstance(found, str):
        _refuse(where, "trained_on", found, "text")
    return found


def _are_columns(columns: Columns) -> bool:
    names, label = columns.names, columns.label
    return (
        isinstance(names, list)
        and all(map(_is_text, names))
        and type(label) is int
        and label in range(len(names))
        and len(names) > 1
        and isinstance(columns.named, bool)
        and isinstance(columns.indexed, bool)
        and isinstance(columns.header, bool | None)
        and (columns.delimiter is None or _is_delimiter(columns.delimiter))
    )


def _is_delimiter(value: Any) -> bool:
    return _is_text(value) and is_delimiter(value)


def _is_text(value: Any) -> bool:
    """Whether `value` is a text that can be written: JSON's may hold halves of characters."""
    return isinstance(value, str) and value == value.encode(errors="ignore").decode()


def _entry(metadata: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in metadata:
        raise ModelFileError(
            f"{where} has no {name}: expected a classifier that xpnet train saved, with its "
            "scaling and classes"
        )
    return metadata[name]


def _refuse(where: str, name: str, found: Any, expected: str) -> NoReturn:
    raise ModelFileError(
        f"{where} has {name} {one_line(repr(found))}: expected {expected}; train and save the "
        "model again"
    )
