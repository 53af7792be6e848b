"""Damage to files, as tuples of a name and its arguments: short to read where one fails."""

from __future__ import annotations

import json
import struct
from typing import Any

from hypothesis import strategies as st

__all__ = ["damaged", "in_bytes", "in_header", "in_text"]


def damaged(content: bytes, damage: list[Any]) -> bytes:
    """`content` after one mutation after the other."""
    for name, *arguments in damage:
        content = _MUTATIONS[name](content, *arguments)
    return content


def _flip(data: bytes, place: int, bits: int) -> bytes:
    at = place % max(len(data), 1)
    return data[:at] + bytes(byte ^ bits for byte in data[at : at + 1]) + data[at + 1 :]


def _copy(data: bytes, start: int, length: int, to: int) -> bytes:
    start, to = (place % max(len(data), 1) for place in (start, to))
    return data[:to] + data[start : start + length] + data[to + length :]


def _cell(data: bytes, number: int, text: str) -> bytes:
    """A cell of a CSV table is `text`."""
    cells = data.decode("utf-8", "replace").replace("\n", ",\n,").split(",")
    cells[number % len(cells)] = text
    return ",".join(cells).replace(",\n,", "\n").encode("utf-8", "replace")


def _entry(data: bytes, number: int, value: str | None) -> bytes:
    """An entry of a safetensors header, or of the record in it, is this JSON, or not there."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    texts = header["__metadata__"]
    texts["xpnet"] = json.loads(texts["xpnet"])
    entries = list(_entries(header))
    holder, key = entries[number % len(entries)]
    if value is None:
        del holder[key]
    else:
        holder[key] = _HERE
    if isinstance(texts.get("xpnet"), dict):
        texts["xpnet"] = _with(texts["xpnet"], value)
    text = _with(header, value).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


_HERE = "\0here"


def _with(tree: Any, value: str | None) -> str:
    """`tree` as JSON, with any JSON, sound or not, in the place that is marked."""
    return json.dumps(tree).replace(json.dumps(_HERE), value or "")


def _entries(tree: Any) -> Any:
    """Every entry of every dict and list within `tree`: the container and the key."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _entries(tree[key])


_MUTATIONS = {
    "flip": _flip,
    "copy": _copy,
    "cell": _cell,
    "entry": _entry,
    "cut": lambda data, length: data[:length],
    "grow": lambda data, tail: data + tail,
}


class _Long(str):
    """A text that an error message shows by its beginning and its length."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{self[:9]!r}… of {len(self)}"


def _one_of(name: str, *arguments: Any) -> Any:
    return st.tuples(st.just(name), *arguments)


_PLACES = st.integers(0, 40) | st.integers(0, 800) | st.integers(-800, -1) | st.integers(0, 10**5)
_ODD_JSON = st.sampled_from([
    "null", "true", "0", "1", "-1", "3.5", "1e999", "NaN", "1e-320", "18446744073709551616",
    "[]", "{}", "[[]]", "[null]", '[1,"a"]', '""', '"\\ud800"', '"relu"', '"\\n\\n"',
    '{"pairs":5}', '{"tuple":null}', '{"names":[1],"kind":"Q"}', '{"names":["a"],"kind":"O"}',
    *map(_Long, ("9" * 5000, "[" * 10**5, '{"a":' * 10**5, f'"{"x" * 3000}"', f"[{'7,' * 3000}7]")),
])  # fmt: skip
_ODD_TEXT = st.sampled_from([
    "", " ", "nan", "-inf", "1e999", "1_0", "01", "0x10", "1,5", '"', '"a', "\0", "1e-320", "é",
    "=1", "#", ";", "\t", "\r", "a\nb", "-0", _Long("7" * 5000), _Long("x" * 200_000),
])  # fmt: skip
_BYTES = st.one_of(
    _one_of("flip", _PLACES, st.integers(1, 255)),
    _one_of("cut", _PLACES),
    _one_of("grow", st.binary(min_size=1, max_size=40)),
    _one_of("copy", _PLACES, st.integers(1, 64), _PLACES),
)

in_bytes = st.lists(_BYTES, min_size=1, max_size=4)
in_header = st.tuples(_one_of("entry", st.integers(0, 300), st.none() | _ODD_JSON))
in_text = st.lists(_one_of("cell", st.integers(0, 400), _ODD_TEXT) | _BYTES, min_size=1, max_size=3)
