"""Logarithm that vectorises, which a library call would not.

``ln(1 + x) = ln(1 + f) + k ln 2`` with k a whole number and 1 + f between √½ and √2, where
``ln(1 + f) = 2 artanh s`` of ``s = f / (2 + f)`` needs few terms of its series (Cody & Waite 1980).
The relative error stays below two units in the last place.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.exp import FORMS, IN_GIVEN_ORDER, constant

TERMS = {types.float32: 4, types.float64: 10}
"""Of the series, after the first."""


def _typed_log1p(typing: Any, x: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        form, (value,) = FORMS[x], args
        plus, minus, times, through = (
            partial(operation, flags=IN_GIVEN_ORDER)
            for operation in (builder.fadd, builder.fsub, builder.fmul, builder.fdiv)
        )
        number, whole = partial(constant, value.type, x), partial(ir.Constant, form.whole)
        one = number(1)
        u = plus(value, one)
        lost = minus(value, minus(u, one))  # by that sum
        least = int(np.dtype(x.name).type(math.sqrt(0.5)).view(f"i{form.whole.width // 8}"))
        k = builder.ashr(builder.sub(builder.bitcast(u, form.whole), whole(least)), _shift(form))
        bits = builder.shl(builder.sub(whole(form.bias), k), _shift(form))
        scale = builder.bitcast(bits, value.type)  # 2⁻ᵏ
        f = plus(minus(times(u, scale), one), times(lost, scale))
        s = through(f, plus(f, number(2)))
        z = times(s, s)
        p = number(1 / (2 * TERMS[x] + 1))
        for term in range(TERMS[x] - 1, 0, -1):
            p = plus(times(p, z), number(1 / (2 * term + 1)))
        # Through 32 bits: before AVX-512 no instruction makes doubles of 64-bit integers.
        k = builder.trunc(k, ir.IntType(32)) if form.whole.width > 32 else k
        octaves = times(builder.sitofp(k, value.type), number(math.log(2)))
        # 2 s (1 + z p) from the whole f, so that the rounding of s counts for little.
        rest = minus(f, times(times(z, number(2)), p))
        return plus(minus(f, times(s, rest)), octaves)

    return (x(x), generate) if x in FORMS else None


def _shift(form: Any) -> Any:
    return ir.Constant(form.whole, form.mantissa)


log1p: Any = intrinsic(_typed_log1p)
"""``ln(1 + x)`` within compiled loops, for x from 0 to 1e38, with all its digits for a small x."""
