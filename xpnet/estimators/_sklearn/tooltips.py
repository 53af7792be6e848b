"""Tooltips in notebooks: what docstrings say of parameters and fitted attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from html import escape
from inspect import cleandoc
from itertools import count
from typing import NamedTuple
from urllib.parse import quote

_CELL = re.compile(r'<td class="param">(?:<a [^>]*>)?(\w+)(?:</a>)?</td>')
"""A name as scikit-learn writes it, where it has no link."""

_SECTION = r"^{}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)"
_ENTRY = re.compile(r"^(\S[^:\n]*?)(?: : ([^\n]*))?\n((?: [^\n]*\n|\n)*)", re.MULTILINE)

# The classes are scikit-learn's, whose style shows the description while the mouse is over the
# name. The rest does it while the keyboard is there, until Escape.
_TOOLTIP = """<td class="param"><a class="param-doc-link" {target} aria-describedby="{id}" \
style="anchor-name: --{id};" onfocus="this.lastElementChild.style.display='block'" \
onblur="this.lastElementChild.style.display=''" onkeydown="if (event.key === 'Escape') \
this.blur()">{name} <span class="param-doc-description" role="tooltip" id="{id}" \
style="position-anchor: --{id}; position-area: right; position-try-fallbacks: bottom, top; \
max-width: 90vw; max-height: 95vh; box-sizing: border-box;">{text}</span></a></td>"""

_numbers = count(1)


class Entry(NamedTuple):
    """What a section says of one name or several: as in ``power_t, tol : float``, then lines."""

    names: str
    type: str
    lines: list[str]

    def text(self) -> str:
        """All of it as HTML."""
        heading = f"{self.names}: {self.type}" if self.type else self.names
        return "<br>".join(map(escape, [heading, "", *self.lines] if self.lines else [heading]))

    def place(self, page: str) -> str:
        """The address of it in a page of the documentation, as a text fragment."""
        name, kind = (
            quote(words.replace("`", ""), safe="").replace("-", "%2D")
            for words in (self.names, self.type)
        )
        return f"{page}#:~:text={name}" + (f",-{kind}" if kind else "")


def with_tooltips(table: str, cls: type, section: str, page: str) -> str:
    """scikit-learn's `table` of what `section` of the docstring of `cls` describes.

    Names have tooltips, and links if there is a `page` about the class. Where the table is written
    otherwise than scikit-learn 1.9 does it, it stays as it is.
    """
    return _CELL.sub(partial(_described, entries(cls, section), page), table)


def _described(found: dict[str, Entry], page: str, cell: re.Match[str]) -> str:
    entry = found.get(cell[1])
    if entry is None:
        return cell[0]
    target = 'tabindex="0"'
    if page:
        target = f'href="{escape(entry.place(page))}" rel="noreferrer" target="_blank"'
    number = f"xpnet-tooltip-{next(_numbers)}"
    return _TOOLTIP.format(name=cell[1], text=entry.text(), target=target, id=number)


def entries(cls: type, section: str) -> dict[str, Entry]:
    """What is said of each name in the docstrings of `cls`, its bases and those it refers to.

    What gives a type goes before what only refers to another class.
    """
    found: dict[str, Entry] = {}
    for each in _documenting(cls):
        for entry in _entries_of(each.__doc__ or "", section):
            for name in entry.names.split(", "):
                if name not in found or (entry.type and not found[name].type):
                    found[name] = entry
    return found


def _documenting(cls: type) -> Iterator[type]:
    for each in cls.__mro__:
        yield each
        yield from vars(each).get("_documented_as", ())


@lru_cache
def _entries_of(docstring: str, section: str) -> list[Entry]:
    """The entries of a section of numpydoc's."""
    pattern = _SECTION.format(section)
    found = re.search(pattern, cleandoc(docstring) + "\n", re.MULTILINE | re.DOTALL)
    return [
        Entry(names, kind, cleandoc(text).splitlines())
        for names, kind, text in _ENTRY.findall(found[1] if found else "")
    ]
