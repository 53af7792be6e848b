"""Answers of numba's type inference that are remembered."""

from __future__ import annotations

import operator

import numba
import pytest
from llvmlite import ir
from numba import types
from numba.core.base import BaseContext
from numba.core.registry import cpu_target
from numba.core.types.functions import BaseFunction

from xpnet.fused.numba.compilation.answers import remembered_answers
from xpnet.fused.numba.compilation.compiler import compiled

LOOK_UP, SIZE = BaseFunction.get_call_type, BaseContext.get_abi_sizeof


def asked(*args):
    context = cpu_target.typing_context
    return context.resolve_function_type(operator.add, args, {})


def test_each_operation_is_looked_up_once_for_the_same_types(monkeypatch):
    asked_for = []

    def look_up(operation, context, args, kws):
        asked_for.append((operation, args))
        return LOOK_UP(operation, context, args, kws)

    compiled(lambda x: x + 1.0)(1.0)  # which loads what numba has for these types
    monkeypatch.setattr(BaseFunction, "get_call_type", look_up)
    monkeypatch.setattr("xpnet.fused.numba.compilation.answers._found", {})
    pair, other = (types.float32, types.int64), (types.int64, types.float32)
    with remembered_answers():
        answers = [asked(*pair), asked(*pair), asked(*other), asked(*pair)]
    assert [args for _, args in asked_for] == [pair, other]
    assert answers[0] == answers[1] == answers[3] == asked(*pair)


def test_a_size_is_that_of_the_type():
    context = cpu_target.target_context
    with remembered_answers():
        for _ in range(2):
            assert context.get_abi_sizeof(ir.IntType(32)) == 4
            assert context.get_abi_sizeof(ir.DoubleType()) == 8
            assert context.get_abi_sizeof(ir.ArrayType(ir.IntType(16), 5)) == 10


def test_what_there_is_not_is_asked_again_and_raises():
    with remembered_answers():
        for _ in range(2):
            with pytest.raises(numba.TypingError, match="add"):
                asked(types.none, types.int64)


def test_numba_is_left_as_it_was():
    with pytest.raises(numba.TypingError):
        compiled(lambda x: x + None)(1.0)
    assert BaseFunction.get_call_type is LOOK_UP
    assert BaseContext.get_abi_sizeof is SIZE
