"""Model files, and ways in which they are damaged."""

from __future__ import annotations

import json
import struct

__all__ = ["damaged"]

WRONG = (None, True, -1, 1.5, 10**30, "", "x", "\ud800", [], {}, [[0]] * 300, "9" * 5000)
RAW = ("1e999", "NaN", "[" * 200_000 + "]" * 200_000, "1" * 5000, '{"a":' * 2000 + "1" + "}" * 2000)


def changed_within(value, rng):
    """`value` with something wrong in a place of it."""
    if value and isinstance(value, dict | list) and rng.random() < 0.8:
        place = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        copy = value.copy()
        if rng.random() < 0.2:
            del copy[place]
        else:
            copy[place] = changed_within(value[place], rng)
        return copy
    return rng.choice([*WRONG, *(f"RAW{number}" for number in range(len(RAW)))])


def as_json(value):
    text = json.dumps(value)
    for number, raw in enumerate(RAW):
        text = text.replace(f'"RAW{number}"', raw)
    return text


def damaged(content, rng):
    """A model file with bits flipped, an end cut off, or something wrong in its header."""
    size = struct.unpack("<Q", content[:8])[0]
    kind = rng.random()
    if kind < 0.3:
        flipped = bytearray(content)
        for _ in range(rng.choice([1, 3])):
            flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        return bytes(flipped)
    if kind < 0.4:
        return content[: rng.randrange(len(content))]
    header = json.loads(content[8 : 8 + size])
    if kind < 0.6:
        header = changed_within(header, rng)
    else:
        record = json.loads(header["__metadata__"]["xpnet"])
        header["__metadata__"]["xpnet"] = as_json(changed_within(record, rng))
    text = as_json(header).encode(errors="replace")
    return struct.pack("<Q", len(text)) + text + content[8 + size :]
