"""A strict reader of HTML: what it opens it closes, and what is shown has a text."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"br", "img", "meta", "wbr"}
"""Elements of a report that have no end."""


class Page(HTMLParser):
    """A page read as a whole; `elements` are the attributes of all, by their tags.

    Raises AssertionError where a tag is not closed, or another is closed instead.
    """

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.words = {}, [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.elements.setdefault(tag, []).append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert "svg" in self.open
        self.elements.setdefault(tag, []).append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        """All that is read, without style and figures."""
        return " ".join(" ".join(self.words).split())

    def attributes(self, name):
        """The values of an attribute, in all elements."""
        found = [one for elements in self.elements.values() for one in elements]
        return [element[name] for element in found if name in element]
