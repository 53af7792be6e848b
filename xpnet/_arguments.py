"""Whole numbers as arguments: one check."""

from __future__ import annotations

import operator
from typing import Any


def whole(name: str, number: Any, least: int, what: str = "") -> int:
    """`number` as an integer of Python's own.

    Parameters
    ----------
    name : str
        Of the argument.
    number : int
        Of any library.
    least : int
        The smallest that it may be.
    what : str
        What it counts, to end the message: ``", the samples of a batch"``.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is below `least`.
    """
    wrong = f"{name} is {number!r}: expected a whole number, {least} or more{what}"
    try:
        found = operator.index(number)
    except TypeError:
        raise TypeError(wrong) from None
    if found < least:
        raise ValueError(wrong)
    return found
