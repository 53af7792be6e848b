"""Vectorisation of the compiled loops, which one interpreter compiles for all."""

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
from numba import jit, typeof

from xpnet.fused.numba import activations, cost, dense, dropout, updates
from xpnet.fused.numba.compilation.compiler import Dispatcher
from xpnet.fused.numba.network import batch, gradients
from xpnet.fused.numba.network import loop as training
from xpnet.fused.numba.network.first_layer import joined
from xpnet.fused.numba.network.first_layer import zeros as without_zeros
from xpnet.fused.numba.products import matmul, sparse, zeros

M = np.ones((8, 64), "float32")
B = np.ones((8, 1), "float32")
SLOPE = np.ones((2, 3), "float32")
V = np.ones(64, "float32")
RATES = np.asarray([0.1])
NUMBERS, PLACES, BEGINS = np.ones(9, "float32"), np.zeros(9, "int32"), np.asarray([0, 9], "int32")

SIMD = {
    "piecewise_forward": (activations.piecewise_forward, (M, B, 0.01, None), ("add", "mul")),
    "piecewise_forward, masked": (activations.piecewise_forward, (M, B, 0.01, M), ("add", "mul")),
    "sigmoid_forward": (activations.sigmoid_forward, (M, B, 0.0, None), ("mul", "add", "div")),
    "tanh_forward": (activations.tanh_forward, (M, B, 0.0, None), ("mul", "add", "div")),
    "elu_forward": (activations.elu_forward, (M, B, 0.0, None), ("mul", "add")),
    "gelu_forward": (activations.gelu_forward, (M, B, M), ("mul", "add", "div")),
    "gelu_slope": (activations.gelu_slope, (M, M), ("mul", "add", "div")),
    "silu_forward": (activations.silu_forward, (M, B, M), ("mul", "add", "div")),
    "silu_slope": (activations.silu_slope, (M, M), ("mul", "add", "div")),
    "hard_swish_forward": (activations.hard_swish_forward, (M, B, M), ("mul", "add")),
    "hard_swish_slope": (activations.hard_swish_slope, (M, M), ("mul", "add")),
    "mish_forward": (activations.mish_forward, (M, B, M), ("mul", "add", "div")),
    "mish_slope": (activations.mish_slope, (M, M), ("mul", "add", "div")),
    "softplus_forward": (activations.softplus_forward, (M, B, M), ("mul", "add", "div")),
    "softplus_slope": (activations.softplus_slope, (M, M), ("mul", "add", "div")),
    "piecewise_backward": (
        activations.piecewise_backward,
        (M, M, None, SLOPE, M, B),
        ("mul", "add"),
    ),
    "piecewise_backward, masked": (
        activations.piecewise_backward,
        (M, M, M, SLOPE, M, B),
        ("div",),
    ),
    "multiply_backward": (activations.multiply_backward, (M, M, None, M, B), ("mul", "add")),
    "row_sums": (dense.row_sums, (M, B), ("add",)),
    "softmax_cost": (cost.softmax_cost, (M, M, 0.1, None, M, M), ("mul", "sub", "div")),
    "sigmoid_cost": (cost.sigmoid_cost, (M, M, 0.1, None, M, M), ("mul", "sub", "div")),
    "identity_cost": (cost.identity_cost, (M, M, 0.1, None, M, M), ("mul", "sub")),
    "exp_cost": (cost.exp_cost, (M, M, 0.1, None, M, M), ("mul", "sub", "add")),
    "huber_cost": (cost.huber_cost, (M, M, 0.1, None, M, M), ("mul", "sub")),
    "hinge_cost": (cost.hinge_cost, (M, M, 0.1, None, M, M), ("mul", "sub", "add")),
    "drop": (dropout.drop, (M, 0, 9, (1, 2, 3, 1.25, 0, 0)), ("mul",)),
    "divide": (dropout.divide, (M, 1.25), ("mul",)),
    "square_sum": (dense.square_sum, (M,), ("mul", "add")),
    "add_scaled": (dense.add_scaled, (M, 0.1, M), ("mul", "add")),
    "matmul": (matmul.matmul, (*[0] * 11, V), ("mul", "add")),
    "few_rows": (matmul.few_rows, (*[0] * 11, V), ("mul", "add")),
    "product_without_zeros": (zeros.product_without_zeros, (*[0] * 10, V), ("mul", "add")),
    "row_products": (
        sparse.row_products,
        (NUMBERS, PLACES, BEGINS, M, None, 0.0, M),
        ("mul", "add"),
    ),
    "row_products, decayed": (
        sparse.row_products,
        (NUMBERS, PLACES, BEGINS, M, M, 0.1, M),
        ("mul", "add"),
    ),
    **{
        name: (loop, (M, M, M, M, RATES, (0.9, 0.9, 0.1, 0.1, 1.0, 1.0), M), arithmetic)
        for name, loop, arithmetic in (
            ("sgd", updates.sgd, ("mul",)),
            ("momentum", updates.momentum, ("mul", "add")),
            ("nesterov", updates.nesterov, ("mul", "add")),
            ("rmsprop", updates.rmsprop, ("sqrt", "div")),
            ("adam", updates.adam, ("sqrt", "div")),
            ("adamw", updates.adamw, ("sqrt", "div")),
            ("nadam", updates.nadam, ("mul", "add", "sqrt", "div")),
            ("lion", updates.lion, ("mul", "add")),
        )
    },
}
"""Loops, arguments to compile them for, and the arithmetic to be found packed in machine code."""

on_x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="reads the machine code of x86-64"
)


def packed(loop, args, **options):
    """The arithmetic on several float32 at once in the code that `loop` compiles to."""
    # Compiled afresh: of code that comes from the disk there is nothing to be read.
    fresh = jit(**{**loop.targetoptions, **options})(loop.py_func)
    fresh.compile(tuple(map(typeof, args)))
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


def loops():
    """The name and the loop of every one that is compiled."""
    network = batch, joined, without_zeros, gradients, training
    for room in (activations, cost, dense, dropout, matmul, *network, sparse, updates, zeros):
        for name, loop in vars(room).items():
            if isinstance(loop, Dispatcher) and loop.py_func.__module__ == room.__name__:
                yield name, loop


def test_every_loop_is_looked_at():
    looked_at = {loop.py_func.__name__ for loop, _, _ in SIMD.values()}
    # These call loops that are looked at, or only copy, or find places in memory.
    calling = {"cost_and_differences", "thin_cost_and_gradients", "forward", "backward", "train"}
    calling |= {"layer_gradients", "weight_gradients", "few", "decayed", "gradients"}
    calling |= {"copy_weights", "copy_all", "products", "differences", "strip_width", "padded"}
    calling |= {"width_of", "of_block", "sums_of", "by_blocks", "update_joined", "update_rows"}
    calling |= {"share_of", "rows_at_once", "part_of", "decay_of"}
    calling |= {"gathered", "weighted", "newest", "update", "updated", "place_of", "enter_cost"}
    assert looked_at == {name for name, _ in loops()} - calling


COUNT = """
import json
import numpy as np
from xpnet.fused.numba import dense, updates
M = np.ones((2, 2), "float32")
dense.row_sums(M, M[:, :1].copy())
updates.sgd(M, M, M, M, np.ones(1), (0.0,) * 6, M.copy())
used = (dense.row_sums, updates.sgd)
print(json.dumps([[sum(getattr(loop.stats, name).values()) for loop in used]
                  for name in ("cache_hits", "cache_misses")]))
"""


def test_a_second_interpreter_compiles_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).parents[3]
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
    for name, loop in loops():
        assert loop.stats.cache_path, name
