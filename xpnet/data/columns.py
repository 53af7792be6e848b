"""Which columns of a table are the features and which the label, kept with a model."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Columns"]


class Columns(NamedTuple):
    """The columns of a table that was trained on, by which those of another table are found.

    Attributes
    ----------
    names : tuple of str
        Of all columns, in their order; numbers where the table had no header.
    label : int
        The place from 0 of the label column.
    named : bool
        Whether the names are those of a header.
    """

    names: tuple[str, ...]
    label: int
    named: bool

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names in the order of the training."""
        return self.names[: self.label] + self.names[self.label + 1 :]
