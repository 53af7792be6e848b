"""Views of memory and rows of a table, as compiled loops see them."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.compilation.rows import Row, row_of_table
from xpnet.fused.numba.compilation.views import array_at, matrix_at, rows_as, vector_at

TABLE = np.dtype([("values", np.int64), ("n", np.int64), ("m", np.int64), ("scale", float)])
row_at = row_of_table(TABLE)


@compiled
def scaled(table, rows, to):
    for k in range(rows):
        row = row_at(table, k)
        matrix = array_at(row.values, to, row.n, row.m)
        of_row = rows_as(vector_at(to, 6 * k, 6), to[:2])
        shifted = matrix_at(to, 6 * k, row.n, row.m)
        for i in range(row.n):
            for j in range(row.m):
                shifted[i, j] = matrix[i, j] * row.scale
        of_row[1, 2] += 100


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_row_is_read_by_name_and_each_view_begins_where_it_should(dtype):
    arrays = np.arange(6, dtype=dtype).reshape(2, 3), np.arange(6, dtype=dtype).reshape(3, 2)
    table = np.array([(A.ctypes.data, *A.shape, k + 0.5) for k, A in enumerate(arrays)], TABLE)
    to = np.zeros(12, dtype)
    scaled(table.ctypes.data, len(table), to)
    last = np.array([0, 0, 0, 0, 0, 100])
    assert to.tolist() == [*(np.arange(6) * 0.5 + last), *(np.arange(6) * 1.5 + last)]


def test_the_type_of_a_row_has_a_short_name():
    """It stands in the name of each function that takes a row."""
    assert str(Row(TABLE)) == "Row"
