"""The one error of this room, in a line that fits a terminal whatever it quotes."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DataError", "listed", "quoted"]

_LONGEST = 300
_QUOTED = 40
"""How much an error quotes of one cell or name."""


class DataError(ValueError):
    """Data that cannot be read or used; its text names what, what was expected and the fix.

    A longer text than 300 characters, such as one with a long path, loses its middle: what it is
    about stands at the start and what to do at the end.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            kept = _LONGEST // 2 - 1
            text = f"{text[:kept]}…{text[-kept:]}"
        super().__init__(text)


def quoted(value: object) -> str:
    """Return `value` as a file holds it, at most 40 characters of it."""
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 2]}…{text[0]}"


def listed(values: Iterable[object], room: int = 80) -> str:
    """Return the first of `values`, as many as have `room`, but at least one."""
    text, rest = "", False
    for value in values:
        if text and len(text) + len(quoted(value)) > room:
            rest = True
            break
        text += f"{', ' if text else ''}{quoted(value)}"
    return f"{text}, …" if rest else text
