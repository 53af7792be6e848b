from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tests.kernels.cases import assert_trees_close, leaves, of_member
from xpnet.kernels import ACTIVATIONS, LOOPED, VECTORIZED
from xpnet.kernels.dense import dense, dense_backward, dense_looped, product
from xpnet.types import Array, Layer

BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])


@dataclass(frozen=True)
class OneLayer:
    """What a layer is given on its way forward and back."""

    W: Array
    b: Array
    A_prev: Array
    dA: Array
    mask: Array

    def each(self, function):
        return OneLayer(*(function(getattr(self, name)) for name in self.__dataclass_fields__))


def random_layer(rng, n_out=3, n_in=4, m=5, stack=()):
    return OneLayer(
        W=rng.normal(size=(*stack, n_out, n_in)),
        b=rng.normal(size=(*stack, n_out, 1)),
        A_prev=rng.normal(size=(*stack, n_in, m)),
        dA=rng.normal(size=(*stack, n_out, m)),
        mask=(rng.random((*stack, n_out, m)) > 0.4) / 0.6,
    )


def there_and_back(kernels, activation, given, *, mask=None, decay=None):
    """(Z, A, dW, db, dA_prev) of one layer."""
    layer = kernels.dense_activation(activation, given.W, given.b, given.A_prev, mask)
    return (layer, *backward(kernels, activation, given, layer, mask=mask, decay=decay))


def backward(kernels, activation, given, layer, **options):
    return kernels.activation_dense_backward(
        activation, given.dA, layer, given.A_prev, given.W, **options
    )


@BOTH
def test_numbers_worked_by_hand(eager_xp, kernels):
    given = OneLayer(
        W=[[1, 2], [3, 4]],
        b=[[1], [-1]],
        A_prev=[[1, 0, -1], [2, 1, 0]],
        dA=[[1, 1, 1], [1, 1, 1]],
        mask=[[0, 2, 2], [2, 0, 2]],
    ).each(eager_xp.asarray)
    (Z, A), (dW, db), dA_prev = there_and_back(kernels, "relu", given, mask=given.mask, decay=0.5)
    by_hand = [
        (Z, [[6, 3, 0], [10, 3, -4]]),
        (A, [[0, 6, 0], [20, 0, 0]]),
        (dW, [[0.5, 3], [3.5, 6]]),
        (db, [[2], [2]]),
        (dA_prev, [[6, 2, 0], [8, 4, 0]]),
    ]
    for got, expected in by_hand:
        assert got.dtype == given.W.dtype
        np.testing.assert_allclose(eager_xp.to_numpy(got), expected, rtol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_vectorized_agrees_with_looped_on_every_library(eager_xp, activation, rng):
    given = random_layer(rng, m=3).each(eager_xp.asarray)
    decays = (None, 0.3, eager_xp.asarray([[0.3]]))
    for mask, decay in zip((None, given.mask, given.mask), decays, strict=True):
        vectorized, looped = (
            there_and_back(kernels, activation, given, mask=mask, decay=decay)
            for kernels in (VECTORIZED, LOOPED)
        )
        assert_trees_close(vectorized, looped)


@given(
    n_out=st.integers(1, 4),
    n_in=st.integers(1, 4),
    m=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=8, deadline=None)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_vectorized_agrees_with_looped_for_any_shape(activation, n_out, n_in, m, seed):
    given = random_layer(np.random.default_rng(seed), n_out, n_in, m)
    vectorized, looped = (
        there_and_back(kernels, activation, given, mask=given.mask, decay=0.1)
        for kernels in (VECTORIZED, LOOPED)
    )
    assert_trees_close(vectorized, looped, "float64")


@pytest.mark.parametrize(
    ("left", "right", "multiplied"),
    [
        ((3,), (), ((6, 4), (4, 5))),
        ((2, 3), (), ((12, 4), (4, 5))),
        ((2, 3), (2, 1), ((2, 6, 4), (2, 4, 5))),
        ((3,), (2, 1), ((6, 4), (2, 4, 5))),
        ((2, 1), (3,), ((2, 1, 2, 4), (3, 4, 5))),
        ((), (3,), ((2, 4), (3, 4, 5))),
        ((2, 3), (2, 3), ((2, 3, 2, 4), (2, 3, 4, 5))),
    ],
)
def test_networks_that_share_a_factor_are_one_product(rng, monkeypatch, left, right, multiplied):
    A, B = rng.normal(size=(*left, 2, 4)), rng.normal(size=(*right, 4, 5))
    expected, shapes, matmul = A @ B, [], np.matmul

    def heard(*factors):
        shapes.append(tuple(factor.shape for factor in factors))
        return matmul(*factors)

    monkeypatch.setattr("array_api_compat.numpy.matmul", heard)
    found = product(A, B)
    assert shapes == [multiplied]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_leading_axes_are_layers_of_their_own(xp, activation, rng):
    K = 3
    given = random_layer(rng, stack=(K,))
    decay = rng.random((K, 1, 1))
    there = given.each(lambda array: xp.asarray(array, "float64"))
    stacked = there_and_back(
        VECTORIZED, activation, there, mask=there.mask, decay=xp.asarray(decay, "float64")
    )
    for k in range(K):
        alone = given.each(lambda array, k=k: array[k])
        expected = there_and_back(
            VECTORIZED, activation, alone, mask=alone.mask, decay=float(decay[k, 0, 0])
        )
        assert_trees_close(of_member(k, stacked), expected, "float64")


@BOTH
@pytest.mark.parametrize("activation", [n for n, row in ACTIVATIONS.items() if not row.needs_Z])
def test_backward_does_without_logits_that_a_kernel_left_out(kernels, activation, rng):
    given = random_layer(rng)
    layer = kernels.dense_activation(activation, given.W, given.b, given.A_prev, given.mask)
    with_Z = backward(kernels, activation, given, layer, mask=given.mask)
    without_Z = backward(kernels, activation, given, Layer(None, layer.A), mask=given.mask)
    assert_trees_close(without_Z, with_Z, "float64")


@BOTH
def test_the_gradient_of_the_input_is_left_out_unless_needed(kernels, rng):
    given = random_layer(rng)
    layer = kernels.dense_activation("tanh", given.W, given.b, given.A_prev)
    grads, dA_prev = backward(kernels, "tanh", given, layer, need_dA_prev=False)
    assert dA_prev is None
    assert_trees_close(grads, backward(kernels, "tanh", given, layer)[0], "float64")


@BOTH
def test_the_inputs_are_never_written_to(kernels, rng):
    given = random_layer(rng)
    arrays = tuple(getattr(given, name) for name in given.__dataclass_fields__)
    before = [array.copy() for array in arrays]
    there_and_back(kernels, "identity", given, mask=given.mask, decay=0.1)
    for array, copy in zip(leaves(arrays), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@BOTH
def test_no_samples_give_no_columns(kernels, rng):
    given = random_layer(rng, m=0)
    (Z, A), (dW, db), dA_prev = there_and_back(kernels, "tanh", given)
    assert [Z.shape, A.shape, dA_prev.shape] == [(3, 0), (3, 0), (4, 0)]
    np.testing.assert_array_equal(dW, np.zeros((3, 4)))
    np.testing.assert_array_equal(db, np.zeros((3, 1)))


@pytest.mark.parametrize("product", [dense, dense_looped])
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            [(3, 4), (3, 1), (5, 2)],
            r"W has shape \(3, 4\), b \(3, 1\) and A_prev \(5, 2\): expected \(n_out, n_in\), "
            r"\(n_out, 1\) and \(n_in, m\), samples as columns",
        ),
        ([(3, 4), (4, 1), (4, 2)], r"b \(4, 1\) .* expected .*\(n_out, 1\)"),
        ([(3, 4), (3, 2), (4, 2)], r"b \(3, 2\) .* expected .*\(n_out, 1\)"),
    ],
)
def test_shapes_that_do_not_fit(product, shapes, message):
    with pytest.raises(ValueError, match=message):
        product(*(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("product", [dense, dense_looped])
@pytest.mark.parametrize("odd", [0, 1, 2])
def test_dtypes_that_differ(product, odd):
    dtypes = ["float32"] * 3
    dtypes[odd] = "float64"
    shapes = [(3, 4), (3, 1), (4, 2)]
    message = (
        rf"W, b and A_prev must have one dtype, but they have {dtypes[0]}, {dtypes[1]} and "
        rf"{dtypes[2]}: cast with xp\.astype\(A_prev, W\.dtype\)"
    )
    with pytest.raises(TypeError, match=message):
        product(*(np.zeros(shape, t) for shape, t in zip(shapes, dtypes, strict=True)))


@pytest.mark.parametrize("product", [dense, dense_looped])
def test_integers_are_refused(xp, product):
    W, b, A_prev = (xp.asarray(np.ones(shape), "int64") for shape in ((3, 4), (3, 1), (4, 2)))
    with pytest.raises(TypeError, match=r"W, b and A_prev have dtype .*int64: expected float32 or"):
        product(W, b, A_prev)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sparse_input(form, dtype, rng):
    layer = random_layer(rng, n_in=20).each(lambda array: array.astype(dtype))
    X = (layer.A_prev * (layer.A_prev > 0.5)).astype(dtype)
    columns = form(X.T).T
    Z = dense(layer.W, layer.b, columns)
    assert (type(Z), Z.dtype) == (np.ndarray, dtype)
    assert_trees_close(Z, dense(layer.W, layer.b, X), dtype)
    for decay in (None, 0.3):
        given = dense_backward(layer.dA, columns, layer.W, decay)
        assert given.W.dtype == dtype
        assert_trees_close(given, dense_backward(layer.dA, X, layer.W, decay), dtype)
    with pytest.raises(ValueError, match=r"A_prev \(20, 5\): expected \(n_out, n_in\)"):
        dense(layer.W[:, 1:], layer.b, columns)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array])
def test_a_sparse_input_of_a_stack(form, rng):
    """Each network as it is alone, with a penalty of its own."""
    layers = [random_layer(rng, n_in=20) for _ in range(3)]
    X = layers[0].A_prev * (layers[0].A_prev > 0.5)
    columns, decay = form(X.T).T, np.array([0.0, 0.3, 2.0]).reshape(3, 1, 1)
    W, b, dZ = (np.stack([getattr(layer, name) for layer in layers]) for name in ("W", "b", "dA"))
    Z, grads = dense(W, b, columns), dense_backward(dZ, columns, W, decay)
    for k in range(3):
        assert_trees_close(Z[k], dense(W[k], b[k], X), "float64")
        alone = dense_backward(dZ[k], X, W[k], decay[k])
        assert_trees_close((grads.W[k], grads.b[k]), tuple(alone), "float64")
