"""Tables with named rows, and the error of an unknown name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

Entry = TypeVar("Entry")


class Named(dict[str, Entry]):
    """A table that answers an unknown name with the known ones; `kind` is what its names name."""

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: str) -> Entry:
        raise ValueError(unknown(self.kind, name, self))


def unknown(argument: str, name: object, known: Iterable[str]) -> str:
    """The text of an error: what came, what is known, and the nearest of it."""
    nearest = get_close_matches(str(name).lower(), known, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"{argument} is {name!r}: expected one of {', '.join(known)}{hint}"
