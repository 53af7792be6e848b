"""NumPy's matrix product, called from compiled code."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.numba import blas

pytestmark = pytest.mark.skipif(
    blas.routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "k", "m"), [(1, 1, 1), (1, 7, 3), (5, 1, 4), (3, 4, 1), (33, 65, 17)]
)
@pytest.mark.parametrize("turn_A", [False, True])
@pytest.mark.parametrize("turn_B", [False, True])
def test_it_is_the_product(dtype, n, k, m, turn_A, turn_B, rng):
    A = rng.normal(size=(k, n) if turn_A else (n, k)).astype(dtype)
    B = rng.normal(size=(m, k) if turn_B else (k, m)).astype(dtype)
    C = np.full((n, m), np.nan, dtype)
    op_A, op_B = (blas.TRANSPOSED if turn else blas.AS_IT_IS for turn in (turn_A, turn_B))
    blas.product(blas.routine(C.dtype), A, op_A, B, op_B, C)
    expected = (A.T if turn_A else A).astype(float) @ (B.T if turn_B else B).astype(float)
    np.testing.assert_allclose(C, expected, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5)


def test_another_build_of_numpy_has_none(monkeypatch):
    monkeypatch.setattr(blas, "ROUTINES", {"float32": "no_such_product"})
    assert blas.routine.__wrapped__(np.dtype("float32")) is None
