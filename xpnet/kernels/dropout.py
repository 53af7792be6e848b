"""Dropout masks: a hash of seed, step, layer and entry says which units are kept.

Nothing is stored and nothing is drawn one after another, so that any library, and any kernel in
the middle of its work, finds the same masks. Arithmetic is of int32, which wraps around on every
library; what shifts drag along of a sign is masked away.

A row's word and a column's are mixed by themselves (Steele & Vigna 2021 describe such mixers; the
constants are those of C. Wellons's hash-prospector), then both together (the last rounds of
MurmurHash3), so that the large part of the work is two products an entry.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from array_api_compat import array_namespace, device

from xpnet.types import Array

_GOLDEN = 0x9E3779B97F4A7C15
_WORD, _LONG = 2**32 - 1, 2**64 - 1


class Dropout(NamedTuple):
    """What the masks of one step are made of.

    Attributes
    ----------
    least : int
        An entry is kept whose hash, an int32, is as large.
    kept : float
        What a mask holds there: ``1 / (1 − rate)``.
    keys : tuple of (int, int)
        Of each hidden layer, two int32: for its rows and for its columns.
    """

    least: int
    kept: float
    keys: tuple[tuple[int, int], ...]


def dropout_of(rate: float, seed: int, step: int, layers: int) -> Dropout:
    """The masks of so many hidden layers at that step, of which `rate` is 0.

    Parameters
    ----------
    rate : float
        0 or more, and below 1.
    seed, step, layers : int
    """
    least = min(round(rate * 2**32), _WORD) - 2**31
    state = _mixed_long(_mixed_long(seed & _LONG) + step)
    keys = tuple(_words(_mixed_long(state + layer)) for layer in range(layers))
    return Dropout(least, 1.0 / (1.0 - rate), keys)


def dropout_mask(dropout: Dropout, layer: int, shape: tuple[int, ...], like: Array) -> Array:
    """The mask ``(..., n, m)`` of a hidden layer, counted from 0, beside `like` and of its dtype.

    Each entry is 0 or ``1 / (1 − rate)``.
    """
    xp = array_namespace(like)
    *lead, n, m = shape
    rows = n
    for networks in lead:
        rows *= networks
    there: dict[str, Any] = {"dtype": xp.int32, "device": device(like)}
    of_rows, of_columns = dropout.keys[layer]
    row = _mixed(xp.arange(rows, **there) + of_rows)
    column = _mixed(xp.arange(m, **there) + of_columns)
    x = (xp.reshape(row, (*lead, n, 1)) ^ column) * -0x61C8864F
    x = (x ^ ((x >> 16) & 0xFFFF)) * -0x7A143595
    return xp.astype(x >= dropout.least, like.dtype) * dropout.kept


def _mixed(x: Array) -> Array:
    """Words of which every bit depends on all bits of x."""
    x = (x ^ ((x >> 16) & 0xFFFF)) * 0x21F0AAAD
    x = (x ^ ((x >> 15) & 0x1FFFF)) * -0x2CA5D269
    return x ^ ((x >> 15) & 0x1FFFF)


def _mixed_long(x: int) -> int:
    """The same of a whole number of 64 bits, by SplitMix64 (Steele, Lea & Flood 2014)."""
    x = (x + _GOLDEN) & _LONG
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _LONG
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _LONG
    return x ^ (x >> 31)


def _words(x: int) -> tuple[int, int]:
    """The lower and the upper half of x, as int32."""
    return ((x & _WORD) ^ 2**31) - 2**31, ((x >> 32) ^ 2**31) - 2**31
