"""Predictions of many samples that have many zeros."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from tests.fused.numba.products.test_matmul import TOLERANCE
from tests.fused.numba.products.test_zeros import with_zeros
from xpnet import Network, predict, value_and_grad
from xpnet.fused.numba import dense
from xpnet.fused.numba.products import many_samples
from xpnet.fused.numba.products.many_samples import LEAST, are_many_with_zeros, product_of_samples
from xpnet.kernels import VECTORIZED


def columns(n_in, m, share, dtype, rng):
    return with_zeros((m, n_in), share, dtype, rng).T


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("n", "n_in", "m"), [(32, 300, 1024), (130, 63, 1500), (300, 600, 1025)])
@pytest.mark.parametrize("threads", [1, 3])
def test_products(n, n_in, m, dtype, threads, rng, monkeypatch):
    monkeypatch.setattr(many_samples, "all_threads", lambda: threads)
    monkeypatch.setattr(many_samples, "is_alone", lambda: True)
    W, X = rng.standard_normal((n, n_in)).astype(dtype), columns(n_in, m, 0.2, dtype, rng)
    Z = np.full((n, m), np.nan, dtype)
    product_of_samples(W, X, Z)
    bound = TOLERANCE[dtype] * (abs(W).astype(float) @ abs(X) + 1)
    assert (abs(Z - W.astype(float) @ X) <= bound).all()


def test_any_number_of_threads_gives_the_same_bits(rng, monkeypatch):
    W = rng.standard_normal((70, 200)).astype("float32")
    X, found = columns(200, 2000, 0.2, "float32", rng), []
    monkeypatch.setattr(many_samples, "is_alone", lambda: True)
    for threads in (1, 2, 5):
        monkeypatch.setattr(many_samples, "all_threads", lambda threads=threads: threads)
        found.append(np.empty((70, 2000), "float32"))
        product_of_samples(W, X, found[-1])
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_a_prediction_takes_it(rng):
    net = Network((200, 50, 3), output="softmax")
    params, X = net.init(seed=0, dtype="float32"), columns(200, LEAST, 0.2, "float32", rng)
    with mock.patch.object(dense, "product_of_samples", side_effect=product_of_samples) as made:
        found = predict(net, params, X)
    made.assert_called_once()
    expected = predict(net, [[T.astype(float) for T in layer] for layer in params], X.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("n", "n_in", "m", "share"),
    [
        (50, 200, LEAST - 1, 0.2),
        (50, 200, LEAST, 0.5),
        (31, 300, LEAST, 0.2),
        (40, 200, LEAST, 0.2),
    ],
    ids=["few samples", "few zeros", "few units", "few weights"],
)
def test_what_is_left_to_the_blas(n, n_in, m, share, rng):
    W, X = np.ones((n, n_in), "float32"), columns(n_in, m, share, "float32", rng)
    assert not are_many_with_zeros(W, X)


def test_samples_that_do_not_lie_one_by_one_are_left_to_the_blas(rng):
    W, X = np.ones((50, 200), "float32"), columns(200, LEAST, 0.2, "float32", rng)
    assert are_many_with_zeros(W, X)
    assert not are_many_with_zeros(W, np.ascontiguousarray(X))
    assert not are_many_with_zeros(W, X.astype(float))


def test_gradients_by_many_inputs_that_lie_a_row_each_take_it(rng):
    net = Network((LEAST, 50, 3), output="softmax")
    params, Y = net.init(seed=0, dtype="float64"), np.eye(3)[:, rng.integers(3, size=200)]
    X = with_zeros((LEAST, 200), 0.2, "float64", rng)
    with mock.patch.object(dense, "product_of_samples", side_effect=product_of_samples) as made:
        _, found = value_and_grad(net, params, X, Y)
    made.assert_called_once()
    _, expected = value_and_grad(net, params, X, Y, kernels=VECTORIZED)
    np.testing.assert_allclose(found[0].W, expected[0].W, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_seen_in_every_prediction(number, rng):
    """Also in those of samples that are 0 there, and of however many samples."""
    net = Network((200, 50, 3), "identity", output="softmax")
    params, X = net.init(seed=0, dtype="float32"), columns(200, LEAST, 0.2, "float32", rng)
    X[7], params[0].W[5, 7] = 0, number
    few, many = predict(net, params, X[:, : LEAST // 2]), predict(net, params, X)
    assert np.isnan(few).all()
    assert np.isnan(many).all()


@pytest.mark.parametrize(("threads", "ended"), [(1, 0), (2, 1)])
def test_the_threads_of_the_blas_do_not_wait_on_the_same_cores(threads, ended, rng, monkeypatch):
    monkeypatch.setattr(many_samples, "all_threads", lambda: threads)
    monkeypatch.setattr(many_samples, "is_alone", lambda: True)
    W, X = np.ones((50, 200), "float32"), columns(200, LEAST, 0.2, "float32", rng)
    with mock.patch.object(many_samples, "end_threads") as end:
        product_of_samples(W, X, np.empty((50, LEAST), "float32"))
    assert end.call_count == ended
