"""Exponential function that vectorises, which a library call would not.

``eˣ = 2ᵏ eʳ`` with k a whole number and ``|r| ≤ ½ ln 2``, where Taylor's polynomial needs few terms
(Cody & Waite 1980). The relative error stays below two units in the last place.

Made as instructions: as a loop that others call it took a tenth of the first fit to compile.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# Reordering of sums is not allowed here: r is the difference of close numbers.
IN_GIVEN_ORDER = ("contract", "nsz")

OCTAVES = 1 / math.log(2)


class _Form(NamedTuple):
    """What the function is made of for a dtype.

    Attributes
    ----------
    most : float
        For |x| above, that of this is taken.
    ln_2 : tuple of float
        ln 2 as a sum of two: the products of the first with k are exact.
    terms : int
        The degree of the last term of the polynomial.
    whole : ir.IntType
        Whole numbers of as many bits.
    bias, mantissa : int
        What an exponent has added to it, and how far left it stands.
    """

    most: float
    ln_2: tuple[float, float]
    terms: int
    whole: Any
    bias: int
    mantissa: int


FORMS = {
    types.float32: _Form(88, (355 / 512, -2.12194440e-4), 7, ir.IntType(32), 127, 23),
    types.float64: _Form(
        709, (45426 / 65536, 1.42860682030941723e-6), 13, ir.IntType(64), 1023, 52
    ),
}


def _split(builder: Any, of_type: Any, x: Any) -> tuple[Any, Any]:
    """The code of ``eʳ − 1`` and of ``2ᵏ``, which is 0 for the least k: its exponent is 0."""
    form, real, short = FORMS[of_type], x.type, ir.IntType(32)
    plus, minus, times = (
        partial(operation, flags=IN_GIVEN_ORDER)
        for operation in (builder.fadd, builder.fsub, builder.fmul)
    )
    number = partial(constant, real, of_type)
    for sign, least in ((">", number(-form.most)), ("<", number(form.most))):
        # In this order, or NaN would be lost.
        beyond = builder.fcmp_ordered(sign, least, x, flags=IN_GIVEN_ORDER)
        x = builder.select(beyond, least, x)
    floor = builder.module.declare_intrinsic("llvm.floor", [real])
    k = builder.call(floor, [plus(times(x, number(OCTAVES)), number(0.5))], fastmath=IN_GIVEN_ORDER)
    first, second = map(number, form.ln_2)
    r = minus(minus(x, times(k, first)), times(k, second))
    p = number(1 / math.factorial(form.terms))
    for degree in range(form.terms - 1, 1, -1):
        p = plus(times(p, r), number(1 / math.factorial(degree)))
    # Through 32 bits: before AVX-512 no instruction makes 64-bit integers of doubles.
    exponent = builder.fptosi(k, short)
    if form.whole != short:
        exponent = builder.sext(exponent, form.whole)
    bits = builder.add(exponent, ir.Constant(form.whole, form.bias))
    bits = builder.shl(bits, ir.Constant(form.whole, form.mantissa))
    return plus(times(times(p, r), r), r), builder.bitcast(bits, real)


def constant(real: Any, of_type: Any, number: float) -> Any:
    """A number as it is in a dtype, by its numba type and LLVM's."""
    return ir.Constant(real, float(np.dtype(of_type.name).type(number)))


def _made(finish: Callable[[Any, Any, Any], Any]) -> Any:
    """The function that ends in the sum of ``eʳ − 1`` times ``2ᵏ`` and what `finish` makes.

    The flags of that are its caller's.
    """

    def typed(typing: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            q, scale = _split(builder, x, args[0])
            return finish(builder, q, scale)

        return (x(x), generate) if x in FORMS else None

    return intrinsic(typed)


def _exp(builder: Any, q: Any, scale: Any) -> Any:
    return builder.fadd(scale, builder.fmul(q, scale))


def _expm1(builder: Any, q: Any, scale: Any) -> Any:
    less_one = builder.fsub(scale, ir.Constant(scale.type, 1.0))
    return builder.fadd(builder.fmul(q, scale), less_one)


exp: Any = _made(_exp)
"""``eˣ`` within compiled loops: 0 below half the smallest normal number, finite for large x."""

expm1: Any = _made(_expm1)
"""``eˣ − 1`` within compiled loops, with all its digits where x is small."""
