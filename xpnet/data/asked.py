"""Options of a reader of data."""

from __future__ import annotations

from typing import NamedTuple

from xpnet.data.columns import Columns
from xpnet.data.labels import Classes

__all__ = ["Asked"]


class Asked(NamedTuple):
    """How a source is to be read; all but `limit` are of tables alone.

    `limit` is how many bytes of memory the data may take; `columns` and `classes` are those of the
    model that it is read for. The others are arguments of `xpnet.data.load`.
    """

    limit: int
    label: str | int | None = None
    header: bool | None = None
    delimiter: str | None = None
    keep_index: bool = False
    columns: Columns | None = None
    classes: Classes | None = None
