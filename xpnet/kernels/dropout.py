"""Dropout masks: a hash of seed, step, layer, unit and sample says which units are kept.

Nothing is stored and nothing drawn one after another, so that any library, and a fused kernel in
the middle of its work, finds the same masks. The units of all hidden layers (of all networks of a
stack) are numbered as rows, the samples behind them as columns::

    x = (row + k) G  ^  (column + k) G  ^  k'          G = 2^32 / golden ratio, odd
    x = x G          x = x ^ (x >> 16)          x = x M          kept where x >= least

in words of 32 bits. The step's keys k and k' are of 64 bits mixed by SplitMix64 (Steele, Lea &
Flood 2014); the rest is two rounds of a hash like MurmurHash3's, whose M it is. Arithmetic is of
int32, which wraps around on every library; what a shift drags along of the sign is masked away.
Where each network of a stack has keys of its own, its rows are numbered by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from array_api_compat import array_namespace, device

from xpnet.types import Array

_G, _M = 0x9E3779B1 - 2**32, 0x85EBCA6B - 2**32
_WORD, _LONG = 2**32 - 1, 2**64 - 1


class Dropout(NamedTuple):
    """What the masks of one step are made of.

    Attributes
    ----------
    least : int
        An entry is kept whose hash, an int32, is as large.
    kept : float
        What a mask holds there: ``1 / (1 − rate)``.
    keys : (int, int)
        k and k', two int32.

    Each is a number, or all are arrays (..., 1, 1) with one for each network of a stack.
    """

    least: int | Array
    kept: float | Array
    keys: tuple[int | Array, int | Array]


def dropout_of(rate: float, seed: int, step: int) -> Dropout:
    """The masks of that step, of which `rate` is 0.

    Parameters
    ----------
    rate : float
        0 or more, and below 1.
    seed, step : int
    """
    least = min(round(rate * 2**32), _WORD) - 2**31
    key = _mixed(_mixed(seed & _LONG) + step)
    return Dropout(least, 1.0 / (1.0 - rate), (_signed(key & _WORD), _signed(key >> 32)))


def dropout_masks(
    dropout: Dropout, shapes: Sequence[tuple[int, ...]], like: Array
) -> tuple[Array, ...]:
    """The masks of all hidden layers, of shapes ``(..., n, m)``, beside `like` and of its dtype.

    Each entry is 0 or ``1 / (1 − rate)``.
    """
    if not shapes:
        return ()
    xp, (k, other_k) = array_namespace(like), dropout.keys
    # Rows are numbered in each network, or in the whole stack.
    first_axis = -2 if getattr(k, "ndim", 0) else 0
    rows, m = [math.prod(shape[first_axis:-1]) for shape in shapes], shapes[0][-1]
    total = sum(rows)
    there: dict[str, Any] = {"dtype": xp.int32, "device": device(like)}
    words = (xp.reshape(xp.arange(total + m, **there), (1, total + m)) + k) * _G
    # In place where the library has that: fresh memory takes longer than the arithmetic.
    x = xp.matrix_transpose(words[..., :total]) ^ (words[..., total:] ^ other_k)
    x *= _G
    high = x >> 16
    high &= 0xFFFF
    x ^= high
    x *= _M
    masks = xp.astype(x >= dropout.least, like.dtype)
    masks *= dropout.kept
    ends = [sum(rows[: layer + 1]) for layer in range(len(rows))]
    return tuple(
        xp.reshape(masks[..., end - n : end, :], shape)
        for end, n, shape in zip(ends, rows, shapes, strict=True)
    )


def _mixed(x: int) -> int:
    """A word of 64 bits of which every bit depends on all bits of x."""
    x = (x + 0x9E3779B97F4A7C15) & _LONG
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _LONG
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _LONG
    return x ^ (x >> 31)


def _signed(word: int) -> int:
    """The int32 of the same bits."""
    return word - 2**32 if word >= 2**31 else word
