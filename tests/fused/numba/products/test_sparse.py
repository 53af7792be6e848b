"""Layers on a sparse X: the same as on a dense one, with weights in either order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from tests.fused.cases import BOTH, NUMPY, assert_alike, fortran, unyielding
from tests.kernels.test_dense import random_layer
from xpnet import accelerate
from xpnet.kernels import VECTORIZED

FORMS = [sparse.csr_matrix, sparse.csr_array]


def few_numbers(rng, n_out, m, dtype):
    """A layer whose X has columns with 0 to 12 numbers, some rows without any, and that X."""
    given = random_layer(rng, n_out=n_out, n_in=40, m=m).each(lambda array: array.astype(dtype))
    X = given.A_prev * (rng.random((40, m)) < np.linspace(0.0, 0.3, m))
    X[7:12] = 0.0
    return given, X.astype(dtype)


@BOTH
@pytest.mark.parametrize("order", [np.ascontiguousarray, fortran])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n_out", "activation"), [(2, "relu"), (5, "gelu"), (21, "identity")])
def test_there_and_back(way, order, form, dtype, n_out, activation, rng):
    kernels = unyielding(NUMPY, way)
    given, X = few_numbers(rng, n_out, 30, dtype)
    W, rows = order(given.W), form(X.T)
    for part in (rows.data, rows.indices, rows.indptr, W):
        part.flags.writeable = False
    for mask in (given.mask, None):
        layer, plain = (
            record.dense_activation(activation, W, given.b, columns, mask)
            for record, columns in ((kernels, rows.T), (VECTORIZED, X))
        )
        assert_alike(layer, plain, dtype)
        for decay in (None, 0.2, np.full((1, 1), 0.3, dtype)):
            settings = {"mask": mask, "decay": decay, "need_dA_prev": False}
            back, expected = (
                record.activation_dense_backward(
                    activation, given.dA, plain, columns, W, **settings
                )
                for record, columns in ((kernels, rows.T), (VECTORIZED, X))
            )
            assert_alike(back, expected, dtype)
            assert back[0].W.flags.f_contiguous


@BOTH
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_out", [1, 5])
def test_a_stack(way, form, n_out, rng):
    """Networks share X, and have a penalty together or each their own."""
    kernels = unyielding(NUMPY, way)
    layers, columns = [], None
    for _ in range(3):
        given, X = few_numbers(rng, n_out, 30, "float64")
        columns = columns if layers else form(X.T).T
        layers.append(given)
    W, b, dA = (np.stack([getattr(layer, name) for layer in layers]) for name in ("W", "b", "dA"))
    layer, plain = (
        record.dense_activation("tanh", W, b, A_prev)
        for record, A_prev in ((kernels, columns), (VECTORIZED, columns.toarray()))
    )
    assert_alike(layer, plain, "float64")
    for decay in (None, 0.2, np.array([0.0, 0.3, 2.0]).reshape(3, 1, 1)):
        settings = {"decay": decay, "need_dA_prev": False}
        back, expected = (
            record.activation_dense_backward("tanh", dA, plain, A_prev, W, **settings)
            for record, A_prev in ((kernels, columns), (VECTORIZED, columns.toarray()))
        )
        assert_alike(back, expected, "float64")


@pytest.mark.parametrize("form", FORMS)
def test_one_output_is_left_to_scipy(form, rng):
    given, X = few_numbers(rng, 1, 30, "float32")
    columns = form(X.T).T
    kernels = accelerate(VECTORIZED, np)
    layer = kernels.dense_activation("tanh", given.W, given.b, columns)
    plain = VECTORIZED.dense_activation("tanh", given.W, given.b, X)
    assert_alike(layer, plain, "float32")
    settings = {"decay": 0.1, "need_dA_prev": False}
    back, expected = (
        record.activation_dense_backward("tanh", given.dA, plain, A_prev, given.W, **settings)
        for record, A_prev in ((kernels, columns), (VECTORIZED, X))
    )
    assert_alike(back, expected, "float32")


def test_indices_of_64_bits_and_numbers_that_come_twice(rng):
    given, _ = few_numbers(rng, 3, 2, "float64")
    values, features = np.array([1.0, 2.0, 4.0]), np.array([5, 5, 39])
    rows = sparse.csr_matrix((2, 40))
    rows.data, rows.indices, rows.indptr = values, features, np.array([0, 3, 3])
    layer = unyielding(NUMPY, accelerate).dense_activation("relu", given.W, given.b, rows.T)
    plain = VECTORIZED.dense_activation("relu", given.W, given.b, rows.toarray().T)
    assert_alike(layer, plain, "float64")
