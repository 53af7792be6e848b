"""Arguments of kernels, and rows laid out over blocks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from xpnet.fused.cupy.driver import (
    Driver,
    by_value,
    factor,
    lies,
    one_real_dtype,
    power_of_two,
    row_grid,
)

DRIVER = Driver(
    launch=lambda *launch: None,
    empty=np.empty,
    contiguous=np.ascontiguousarray,
    address=lambda array: array.ctypes.data,
    place=tuple,
    bound=lambda instructions, dtype, moving: lambda *arrays: None,
)
LIKE = np.zeros((3, 5, 7), np.float32)


@pytest.mark.parametrize("number", [2.5, 1])
def test_a_number_is_the_same_for_all_networks(number):
    found = factor(DRIVER, number, LIKE)
    assert found == (np.float32(number), None, 0)
    assert found.number.dtype == LIKE.dtype


@pytest.mark.parametrize(("shape", "step"), [((), 0), ((1, 1), 0), ((1, 1, 1), 0), ((3, 1, 1), 1)])
def test_an_array_of_numbers_that_lie_in_order_is_read_where_it_lies(shape, step):
    entries = np.ones(shape, np.float32)
    assert factor(DRIVER, entries, LIKE) == (0.0, entries, step)


def test_a_strided_array_is_brought_into_order():
    entries = factor(DRIVER, np.arange(6, dtype="float32")[::2, None, None], LIKE).entries
    assert entries.flags.c_contiguous
    assert entries.ravel().tolist() == [0.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "value",
    [np.ones((5, 1), np.float32), np.ones((3, 1, 1)), np.float32(1.0), [1.0], "1", None],
    ids=["another shape", "another dtype", "scalar of NumPy", "list", "text", "nothing"],
)
def test_anything_else_is_not_taken(value):
    assert factor(DRIVER, value, LIKE) is None


def test_dtypes_must_be_one_and_known():
    single, double, half = (np.zeros(1, dtype) for dtype in ("float32", "float64", "float16"))
    assert one_real_dtype(single, None, single)
    assert one_real_dtype(double)
    assert not one_real_dtype(single, double)
    assert not one_real_dtype(half)
    assert not one_real_dtype(None)


def test_a_structure_is_one_entry_that_holds_all_bytes():
    values = np.arange(6.0).reshape(2, 3)
    structure = by_value(values)
    assert structure.shape == (1,)
    assert structure.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("least", "expected"), [(0, 2), (1, 1), (2, 2), (3, 4), (256, 256), (257, 512), (5000, 1024)]
)
def test_powers_of_two(least, expected):
    assert power_of_two(least) == expected


@pytest.mark.parametrize(
    ("rows", "m", "grid", "threads"),
    [
        (512, 128, (512, 1), 128),
        (10, 1, (10, 1), 1),
        (512, 100_000, (512, 1), 256),
        (10, 8_191, (10, 1), 256),
        (10, 60_000, (10, 14), 256),
        (1, 65_536, (1, 16), 256),
        (1, 10**8, (1, 264), 256),
    ],
)
def test_a_row_is_divided_where_it_is_long_and_rows_are_few(rows, m, grid, threads):
    assert row_grid(rows, m) == (grid, (threads, 1))


@pytest.mark.parametrize(
    ("strides", "expected"),
    [
        ((9, 1), (False, 9)),
        ((7, 1), (False, 7)),
        ((1, 9), (True, 9)),
        ((1, 5), (True, 5)),
        ((14, 2), None),
        ((6, 1), None),
        ((1, 4), None),
        ((0, 1), None),
        ((-7, 1), None),
    ],
)
def test_a_matrix_that_lies_by_rows_or_by_columns(strides, expected):
    matrix = as_strided(np.zeros(99, "float32")[50:], (5, 7), [4 * stride for stride in strides])
    assert lies(matrix) == expected
    assert lies(matrix[None]) == expected


@pytest.mark.parametrize(
    ("shape", "strides", "expected"),
    [
        ((1, 7), (99, 1), (False, 7)),
        ((5, 1), (3, 99), (False, 3)),
        ((1, 7), (99, 3), (True, 3)),
        ((5, 1), (1, 99), (False, 1)),
        ((1, 1), (0, 0), (False, 1)),
    ],
)
def test_a_single_row_or_column_lies_anyhow(shape, strides, expected):
    matrix = as_strided(np.zeros(99, "float32"), shape, [4 * stride for stride in strides])
    assert lies(matrix) == expected
