"""Damage to files: functions of bytes whose repr says what they do."""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

from hypothesis import strategies as st

__all__ = ["Cut", "damaged", "in_bytes", "in_header", "in_text"]


def damaged(content: bytes, damage: list[Any]) -> bytes:
    """`content` after one mutation after the other."""
    for mutation in damage:
        content = mutation(content)
    return content


class Flip(NamedTuple):
    """Other bits of one byte."""

    place: int
    bits: int

    def __call__(self, data: bytes) -> bytes:
        at = self.place % max(len(data), 1)
        return data[:at] + bytes(byte ^ self.bits for byte in data[at : at + 1]) + data[at + 1 :]


class Cut(NamedTuple):
    """Only the first bytes; a negative number leaves so many out at the end."""

    length: int

    def __call__(self, data: bytes) -> bytes:
        return data[: self.length]


class Grown(NamedTuple):
    """More bytes at the end."""

    tail: bytes

    def __call__(self, data: bytes) -> bytes:
        return data + self.tail


class Copied(NamedTuple):
    """Some bytes a second time, in the place of others."""

    start: int
    length: int
    to: int

    def __call__(self, data: bytes) -> bytes:
        start, to = (place % max(len(data), 1) for place in (self.start, self.to))
        return data[:to] + data[start : start + self.length] + data[to + self.length :]


class Put(NamedTuple):
    """A text in the place of a cell of a CSV table."""

    cell: int
    text: str

    def __call__(self, data: bytes) -> bytes:
        cells = data.decode("utf-8", "replace").replace("\n", ",\n,").split(",")
        cells[self.cell % len(cells)] = self.text
        return ",".join(cells).replace(",\n,", "\n").encode("utf-8", "replace")


class Entry(NamedTuple):
    """An entry of a safetensors header, or of the record within it, set to `json` or left out."""

    number: int
    json: str | None

    def __call__(self, data: bytes) -> bytes:
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        record = json.loads(header["__metadata__"]["xpnet"])
        header["__metadata__"]["xpnet"] = record
        entries = list(_entries(header))
        holder, key = entries[self.number % len(entries)]
        if self.json is None:
            del holder[key]
        else:
            holder[key] = _HERE
        whole = header.get("__metadata__")
        if isinstance(whole, dict) and isinstance(whole.get("xpnet"), dict):
            whole["xpnet"] = self._text(whole["xpnet"])
        text = self._text(header).encode("utf-8", "surrogatepass")
        return struct.pack("<Q", len(text)) + text + data[8 + length :]

    def _text(self, value: Any) -> str:
        return json.dumps(value).replace(json.dumps(_HERE), self.json or "")

    def __repr__(self) -> str:
        told = self.json and f"{self.json[:40]!r} of {len(self.json)} characters"
        return f"Entry({self.number}, {told})"


_HERE = "\0here"


def _entries(value: Any) -> Any:
    """Every entry of every dict and list within `value`: the container and the key."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _entries(value[key])


_PLACES = st.integers(0, 40) | st.integers(0, 800) | st.integers(-800, -1) | st.integers(0, 10**5)
_ODD_JSON = st.sampled_from([
    "null", "true", "0", "1", "-1", "3.5", "1e999", "NaN", "1e-320", "18446744073709551616",
    "[]", "{}", "[[]]", "[null]", '[1,"a"]', '""', '"\\ud800"', '"relu"', '"\\n\\n"', '{"pairs":5}',
    '{"tuple":null}', '{"pairs":[[[],1]]}', '{"names":[1],"kind":"Q"}', '{"names":["a"],"kind":"O"}',
    "9" * 5000, "[" * 200_000, '{"a":' * 200_000, f'"{"x" * 3000}"', f"[{'7,' * 3000}7]",
])  # fmt: skip
_ODD_TEXT = st.sampled_from([
    "", " ", "nan", "-inf", "1e999", "1_0", "01", "0x10", "1,5", '"', '"a', "\0", "1e-320", "é",
    "=1", "#", ";", "\t", "\r", "a\nb", "7" * 5000, "x" * 200_000, "-0", "18446744073709551615",
])  # fmt: skip
_BYTES = st.one_of(
    st.builds(Flip, _PLACES, st.integers(1, 255)),
    st.builds(Cut, _PLACES),
    st.builds(Grown, st.binary(min_size=1, max_size=40)),
    st.builds(Copied, _PLACES, st.integers(1, 64), _PLACES),
)

in_bytes = st.lists(_BYTES, min_size=1, max_size=4)
in_header = st.lists(
    st.builds(Entry, st.integers(0, 300), st.none() | _ODD_JSON), min_size=1, max_size=1
)
in_text = st.lists(st.builds(Put, st.integers(0, 400), _ODD_TEXT) | _BYTES, min_size=1, max_size=3)
