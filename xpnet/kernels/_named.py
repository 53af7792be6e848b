"""Tables with named rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from xpnet._arguments import unknown

Entry = TypeVar("Entry")


class Named(dict[str, Entry]):
    """A table that answers an unknown name with the known ones; `kind` is what its names name."""

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: str) -> Entry:
        raise ValueError(unknown(self.kind, name, self))
