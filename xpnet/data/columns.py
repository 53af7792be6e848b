"""Which columns of a table are the features and which the label, kept with a model."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Columns"]


class Columns(NamedTuple):
    """The columns of a table that was trained on, by which those of another table are found.

    Attributes
    ----------
    names : tuple of str
        Of all columns but an index, in their order; numbers where the table had no header.
    label : int
        The place from 0 of the label column among them.
    named : bool
        Whether the names are those of a header.
    indexed : bool
        Whether a first column that only numbers the rows was left out.
    header, delimiter
        How the table was asked to be read; None where that was found out.
    """

    names: tuple[str, ...]
    label: int
    named: bool
    indexed: bool = False
    header: bool | None = None
    delimiter: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names in the order of the training."""
        return self.names[: self.label] + self.names[self.label + 1 :]
