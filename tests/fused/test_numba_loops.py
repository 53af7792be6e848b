"""How the loops are compiled: to SIMD instructions, and once for all interpreters."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import jit

from xpnet.fused import _numba_cost as costs
from xpnet.fused import _numba_loops as loops
from xpnet.fused import _numba_steps as steps
from xpnet.fused import _numba_thin as thin

M = np.ones((8, 64), "float32")
B = np.ones((8, 1), "float32")
SLOPE = np.ones((2, 3), "float32")
RATES = np.asarray([0.1])

SIMD = {
    "piecewise_forward": (loops.piecewise_forward, (M, B, 0.01, None), ("add", "mul")),
    "piecewise_forward, masked": (loops.piecewise_forward, (M, B, 0.01, M), ("add", "mul")),
    "sigmoid_forward": (loops.sigmoid_forward, (M, B, None), ("mul", "add", "div")),
    "tanh_forward": (loops.tanh_forward, (M, B, None), ("mul", "add", "div")),
    "elu_forward": (loops.elu_forward, (M, B, None), ("mul", "add")),
    "piecewise_backward": (loops.piecewise_backward, (M, M, None, SLOPE, M, B), ("mul", "add")),
    "piecewise_backward, masked": (loops.piecewise_backward, (M, M, M, SLOPE, M, B), ("div",)),
    "multiply_backward": (loops.multiply_backward, (M, M, None, M, B), ("mul", "add")),
    "row_sums": (loops.row_sums, (M, B), ("add",)),
    "softmax_cost": (costs.softmax_cost, (M, M, 0.1, None, M), ("mul", "sub", "div")),
    "identity_cost": (costs.identity_cost, (M, M, 0.1, None, M), ("mul", "sub")),
    "thin_forward": (thin.thin_forward, (M, M, np.ones((8, 8), "float32")), ("mul", "add")),
    "thin_backward": (thin.thin_backward, (np.ones((8, 8), "float32"), M, M), ("mul", "add")),
    "square_sum": (loops.square_sum, (M,), ("mul", "add")),
    "add_scaled": (loops.add_scaled, (M, 0.1, M), ("mul", "add")),
    "gradient_descent": (steps.gradient_descent, (M, M, RATES, M), ("mul",)),
    "momentum": (steps.momentum, (M, M, M, RATES, 0.9, M), ("mul", "add")),
    "nesterov": (steps.nesterov, (M, M, M, RATES, 0.9, M), ("mul", "add")),
    "rmsprop": (steps.rmsprop, (M, M, M, RATES, 0.9, 0.1, M), ("sqrt", "div")),
    "adam": (steps.adam, (M, M, M, M, RATES, 0.9, 0.9, 0.1, M), ("sqrt", "div")),
    "adamw": (steps.adamw, (M, M, M, M, RATES, 0.9, 0.9, 0.1, 0.1, 1.0, 1.0, M), ("sqrt", "div")),
}
"""Loops, arguments to compile them for, and the arithmetic to be found packed in machine code."""

on_x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="reads the machine code of x86-64"
)


def packed(loop, args, **options):
    """The arithmetic on several float32 at once in the code that `loop` compiles to."""
    # Compiled afresh: of code that comes from the disk there is nothing to be read.
    fresh = jit(**{**loop.targetoptions, **options})(loop.py_func)
    fresh(*(np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in args))
    (code,) = fresh.inspect_asm().values()
    names = re.findall(r"^\s+v?([a-z0-9]+)ps\s.*%[xyz]mm", code, re.MULTILINE)
    # A fused product and sum is both.
    return {part for name in names for part in re.findall(r"mul|add|sub|div|sqrt", expanded(name))}


def expanded(name):
    return re.sub(r"fn?m(add|sub)\d+", r"mul \1 add sub", name)


@on_x86
@pytest.mark.parametrize(("loop", "args", "arithmetic"), SIMD.values(), ids=SIMD)
def test_float32_is_computed_several_at_once(loop, args, arithmetic):
    assert packed(loop, args) >= {*arithmetic}


@on_x86
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"error_model": "python"}),
        ("rmsprop", {"error_model": "python"}),
        ("softmax_cost", {"error_model": "python"}),
        ("piecewise_backward, masked", {"fastmath": False}),
        ("row_sums", {"fastmath": False}),
    ],
)
def test_the_options_are_what_it_takes(name, options):
    loop, args, arithmetic = SIMD[name]
    assert not packed(loop, args, **options) >= {*arithmetic}


def test_every_loop_is_looked_at():
    looked_at = {loop.py_func.__name__ for loop, _, _ in SIMD.values()}
    # Of log1p there is no packed instruction; the others call loops that are looked at.
    no_simd = {"sigmoid_cost", "fused_cost", "cost_of", "thin_cost_and_gradients"}
    every = {*loops.__all__, *steps.__all__, *costs.__all__, *thin.__all__}
    assert looked_at == {name for name in every if name.islower()} - no_simd


COUNT = """
import json
import numpy as np
from xpnet.fused import _numba_loops as loops, _numba_steps as steps
M = np.ones((2, 2), "float32")
loops.row_sums(M, M[:, :1].copy())
steps.gradient_descent(M, M, np.ones(1), M.copy())
used = (loops.row_sums, steps.gradient_descent)
print(json.dumps([[sum(getattr(loop.stats, name).values()) for loop in used]
                  for name in ("cache_hits", "cache_misses")]))
"""


def test_a_second_interpreter_compiles_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).parents[2]
    first, second = (
        subprocess.run(
            [sys.executable, "-c", COUNT],
            env=environment,
            cwd=root,
            check=True,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    )
    assert json.loads(first.stdout) == [[0, 0], [1, 1]]
    assert json.loads(second.stdout) == [[1, 1], [0, 0]]


def test_every_loop_is_kept_on_disk():
    for room in (loops, steps, costs, thin):
        for name in {n for n in room.__all__ if n.islower()} - {"fused_cost"}:
            assert getattr(room, name).stats.cache_path, name
