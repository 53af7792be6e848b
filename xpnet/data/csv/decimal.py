"""Decimal commas of a CSV table.

Where a comma is the decimal mark, cells are read with comma and point exchanged: ``1,5`` is the
number 1.5, and neither ``1.5`` nor ``1.234,5`` is one, as a point there may stand between
thousands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from xpnet.data.csv.header import is_number
from xpnet.exceptions import DataError, quoted

POINT, COMMA = MARKS = ".", ","

_COMMA_NUMBER = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_GROUPED = re.compile(r"\s*[+-]?\d{1,3}([.,'’\s]\d{3})+([.,]\d*)?\s*")
_WITH_MARKS = re.compile(r"\s*[+-]?\d*([.,]\d{3})*[.,]\d*([eE][+-]?\d+)?\s*")
_EXCHANGED = str.maketrans(".,", ",.")


def has_comma(cell: str) -> bool:
    """Tell whether `cell` is a number with a decimal comma."""
    return _COMMA_NUMBER.fullmatch(cell) is not None


def has_groups(cell: str) -> bool:
    """Tell whether `cell` is a number with something between its thousands."""
    return _GROUPED.fullmatch(cell) is not None


def exchanged(cells: Sequence[str]) -> list[str]:
    """Return `cells` with comma and point exchanged in what is a number by either."""
    return [
        cell.translate(_EXCHANGED) if _WITH_MARKS.fullmatch(cell) is not None else cell
        for cell in cells
    ]


def as_written(cell: str, decimal: str) -> str:
    """Return a cell as it stands in a file of that decimal mark."""
    return exchanged([cell])[0] if decimal == COMMA else cell


def as_labels_written(texts: Sequence[str], decimal: str) -> Sequence[str]:
    """Return labels as they stand in a file of that decimal mark, unless all are numbers."""
    if decimal == COMMA and not all(map(is_number, set(texts))):
        return exchanged(texts)
    return texts


def check_decimal(decimal: str) -> None:
    """Raise DataError unless `decimal` is a point or a comma."""
    if decimal not in MARKS:
        raise DataError(f"decimal is {quoted(decimal)}: expected . or ,")


def other_mark(decimal: str) -> str:
    """Return what to do where the decimal mark may be the other one."""
    other, what = (POINT, "a point") if decimal == COMMA else (COMMA, "a comma")
    return f"if {what} is the decimal mark, say so (--decimal {other})"


def check_labels(labels: Collection[str], where: str, decimal: str) -> None:
    """Raise DataError if `labels` are numbers, some with decimal commas: they are no classes."""
    with_commas = sorted(filter(has_comma, labels))
    if with_commas and all(has_comma(label) or is_number(label) for label in labels):
        raise DataError(
            f"{where} holds {quoted(as_written(with_commas[0], decimal))}: expected classes or "
            f"numbers; {other_mark(decimal)}; if these are classes, --task classification"
        )
