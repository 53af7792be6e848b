"""Index column of a table, which only numbers the rows, as pandas writes one.

It would tell a network the place of a sample in a file, and so its class where the file is sorted.
"""

from __future__ import annotations

import re

import numpy as np

from xpnet.data.asked import Asked
from xpnet.data.table import Table

__all__ = ["counts_rows", "is_index", "may_have_index"]

_NAMELESS = re.compile(r"(Unnamed: \d+)?")
"""How pandas writes the name that an index does not have, and how it reads it."""

_COUNTED = 5
"""From how many rows on 0, 1, 2, … or 1, 2, 3, … in a table without a header is no feature."""


def may_have_index(table: Table, asked: Asked, n_x: int = 0) -> bool:
    """Tell whether the first column of `table` is an index if its numbers are those of one.

    `table` is one whose columns are found by place. For a model it is where the table is one
    column wider than the model's, with a label or, of `n_x` features, without.
    """
    nameless = table.has_header and _NAMELESS.fullmatch(table.names[0]) is not None
    width = len(table.names)
    if asked.columns is None:
        return width > 2 and not asked.keep_index and (nameless or not table.has_header)
    widths = (len(asked.columns.names), n_x)
    return width - 1 in widths and (nameless or width not in widths)


def is_index(table: Table, values: np.ndarray, asked: Asked) -> bool:
    """Tell whether the `values` ``(m,)`` of a first column number the rows.

    Under a header that gives it no name, whole numbers do, whichever rows were taken, if they are
    those that a model was trained beside, all different, or a count for the most part, as of files
    put together; without a header they count the rows from 0 or 1.
    """
    if table.has_header:
        whole = bool((values == np.rint(values)).all())
        return whole and (asked.columns is not None or _tells_rows_apart(values))
    return counts_rows(values) and (asked.columns is not None or len(values) >= _COUNTED)


def counts_rows(values: np.ndarray) -> bool:
    """Tell whether `values` ``(m,)`` are 0, 1, 2, … or 1, 2, 3, …."""
    return values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))


def _tells_rows_apart(values: np.ndarray) -> bool:
    """Whether `values` are all different, or most are one more than the value before."""
    counted = int((np.diff(values) == 1).sum())
    return len(np.unique(values)) == len(values) or 2 * counted > len(values)
