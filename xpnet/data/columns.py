"""Which columns of a table are the features and which the label, kept with a model."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Columns"]


class Columns(NamedTuple):
    """The columns of a table that was trained on, by which those of another table are found.

    Attributes
    ----------
    names : tuple of str, or None
        Of all columns, in their order; None where the table had no header.
    label : int
        The place from 0 of the label column.
    """

    names: tuple[str, ...] | None
    label: int

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names in the order of the training; none where there was no header."""
        names = self.names or ()
        return names[: self.label] + names[self.label + 1 :]
