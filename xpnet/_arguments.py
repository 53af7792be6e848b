"""Whole numbers as arguments: one check."""

from __future__ import annotations

import operator
from typing import Any


def whole(name: str, number: Any, least: int, what: str = "") -> int:
    """`number`, of any library, as an integer of Python's own.

    Raises TypeError if it is no whole number, ValueError if it is below `least`. `what` it counts
    ends the message: ``", the samples of a batch"``.
    """
    wrong = f"{name} is {number!r}: expected a whole number, {least} or more{what}"
    try:
        found = operator.index(number)
    except TypeError:
        raise TypeError(wrong) from None
    if found < least:
        raise ValueError(wrong)
    return found
