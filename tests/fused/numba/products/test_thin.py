"""Products of few rows with many samples."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fused.cases import BOTH, NUMPY, assert_alike, fortran, unyielding
from tests.kernels.test_dense import random_layer
from xpnet.fused import accelerate
from xpnet.fused.numba import dense
from xpnet.fused.numba.products.blas import ALONE, routine
from xpnet.fused.numba.products.thin import FEWEST, MOST, MOST_OUTPUTS
from xpnet.kernels import VECTORIZED

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)

WIDEST = ALONE // (MOST_OUTPUTS * FEWEST)  # numbers of a sample in one product


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "n_x", "m"),
    [(2, 30, 80 * MOST + 7), (10, 784, 101), (16, WIDEST, FEWEST + 1), (16, WIDEST + 3, 35)],
)
def test_a_product_of_few_rows(way, n, n_x, m, dtype, rng, monkeypatch):
    given = random_layer(rng, n_out=n, n_in=n_x, m=m).each(lambda a: a.astype(dtype))
    W, b, samples = given.W, given.b, fortran(given.A_prev)
    made, thin_product = [], dense.thin_product
    monkeypatch.setattr(dense, "thin_product", lambda *a: made.append(thin_product(*a)))
    found = unyielding(NUMPY, way).dense_activation("relu", W, b, samples)
    assert made == [None]
    assert_alike(found.A, VECTORIZED.dense_activation("relu", W, b, samples).A, dtype)


@pytest.mark.parametrize(
    ("n", "m", "lies"),
    [(1, 5_000, fortran), (17, 5_000, fortran), (4, 9, fortran), (4, 5_000, np.ascontiguousarray)],
    ids=["one row", "many rows", "few samples", "samples as columns"],
)
def test_other_products_are_left_to_the_blas(n, m, lies, rng, monkeypatch):
    monkeypatch.delattr(dense, "thin_product")
    given = random_layer(rng, n_out=n, n_in=60, m=m)
    found = accelerate(VECTORIZED, np).dense_activation(
        "relu", given.W, given.b, lies(given.A_prev)
    )
    plain = VECTORIZED.dense_activation("relu", given.W, given.b, given.A_prev)
    assert_alike(found.A, plain.A, "float64")


def test_samples_so_long_that_one_is_more_than_a_product_is_to_have(rng):
    given = random_layer(rng, n_out=16, n_in=ALONE // 16 + 1, m=35)
    W, b, samples = given.W, given.b, fortran(given.A_prev)
    found = unyielding(NUMPY, accelerate).dense_activation("relu", W, b, samples)
    assert_alike(found.A, VECTORIZED.dense_activation("relu", W, b, samples).A, "float64")
