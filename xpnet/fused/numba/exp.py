"""Exponential function that vectorises, which a library call would not.

``eˣ = 2ᵏ eʳ`` with k a whole number and ``|r| ≤ ½ ln 2``, where Taylor's polynomial needs few terms
(Cody & Waite 1980). The relative error stays below two units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

# Reordering of sums is not allowed here: r is the difference of close numbers.
in_given_order = njit(error_model="numpy", fastmath={"contract", "nsz"}, nogil=True)

F, D = np.float32, np.float64
OCTAVES = 1 / math.log(2)


def _same_bits(real: Any, whole: Any, in_machine: Any) -> Any:
    """A function that gives the real number of the same bits as a whole one."""

    def typed(typing: Any, bits: Any) -> Any:
        return real(whole), lambda _, builder, __, args: builder.bitcast(args[0], in_machine)

    return intrinsic(typed)


_float32_of = _same_bits(types.float32, types.int32, ir.FloatType())
_float64_of = _same_bits(types.float64, types.int64, ir.DoubleType())


def exp(x: float) -> float:
    """``eˣ`` within compiled loops: 0 below half the smallest normal number, finite for large x."""
    return math.exp(x)


def expm1(x: float) -> float:
    """``eˣ − 1`` within compiled loops, with all its digits where x is small."""
    return math.expm1(x)


@overload(exp)
def _exp(x: Any) -> Callable[[Any], Any]:
    split = _split32 if x == types.float32 else _split64

    def implementation(x: Any) -> Any:
        q, scale = split(x)
        return scale + q * scale

    return implementation


@overload(expm1)
def _expm1(x: Any) -> Callable[[Any], Any]:
    split = _split32 if x == types.float32 else _split64
    one = F(1) if x == types.float32 else D(1)

    def implementation(x: Any) -> Any:
        q, scale = split(x)
        return q * scale + (scale - one)

    return implementation


@in_given_order
def _split32(x: Any) -> Any:
    """``eʳ − 1`` and ``2ᵏ``, which is 0 for the least k: its exponent's bits are all zero."""
    x = min(max(x, F(-88)), F(88))
    k = np.floor(x * F(OCTAVES) + F(0.5))
    # ln 2 as a sum of two: the products of the first are exact.
    r = (x - k * F(355 / 512)) - k * F(-2.12194440e-4)
    p = F(1 / 5040)
    p = p * r + F(1 / 720)
    p = p * r + F(1 / 120)
    p = p * r + F(1 / 24)
    p = p * r + F(1 / 6)
    p = p * r + F(0.5)
    return p * r * r + r, _float32_of((np.int32(k) + np.int32(127)) << np.int32(23))


@in_given_order
def _split64(x: Any) -> Any:
    """``eʳ − 1`` and ``2ᵏ``."""
    x = min(max(x, D(-709)), D(709))
    k = np.floor(x * D(OCTAVES) + D(0.5))
    r = (x - k * D(45426 / 65536)) - k * D(1.42860682030941723e-6)
    p = D(1 / 6227020800)
    p = p * r + D(1 / 479001600)
    p = p * r + D(1 / 39916800)
    p = p * r + D(1 / 3628800)
    p = p * r + D(1 / 362880)
    p = p * r + D(1 / 40320)
    p = p * r + D(1 / 5040)
    p = p * r + D(1 / 720)
    p = p * r + D(1 / 120)
    p = p * r + D(1 / 24)
    p = p * r + D(1 / 6)
    p = p * r + D(0.5)
    # Through 32 bits: before AVX-512 no instruction makes 64-bit integers of doubles.
    scale = _float64_of((np.int64(np.int32(k)) + np.int64(1023)) << np.int64(52))
    return p * r * r + r, scale
