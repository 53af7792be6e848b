"""Whole numbers and names as arguments."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from difflib import get_close_matches
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


def unknown(argument: str, name: object, known: Iterable[str]) -> str:
    """The text of an error: what came, what is known, and the nearest of it."""
    nearest = get_close_matches(str(name).lower(), known, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"{argument} is {name!r}: expected one of {', '.join(known)}{hint}"
