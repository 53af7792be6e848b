from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_matrix

from tests.kernels.cases import assert_trees_close, leaves
from xpnet import Dense, LogisticRegression, Network, backend, value_and_grad
from xpnet.estimators._samples.batches import Samples
from xpnet.estimators._solvers.preconditioner import (
    FEWEST_ROWS,
    Rows,
    inverse_of_lower,
    is_worthwhile,
    mean_of,
    preconditioner,
    variance_of,
)

N = 4
L2 = 2.0


def drawn(K, m=60, weighted=True, seed=0):
    """A network of K outputs, parameters, and samples of correlated features far from 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(m, N)) @ rng.normal(size=(N, N)) + 10.0 * rng.normal(size=N)
    labels = rng.integers(0, max(K, 2), m)
    Y = np.eye(K)[labels] if K > 1 else labels[:, None].astype(float)
    net = Network((N, K), output="sigmoid" if K == 1 else "softmax")
    params = (Dense(rng.normal(size=(K, N)) / 20.0, rng.normal(size=(K, 1)) / 20.0),)
    weights = rng.uniform(0.5, 2.0, m) if weighted else None
    return net, params, Samples(X, Y, weights, labels)


def hessian_times(net, params, samples, v):
    """The Hessian at `params` times v, by central differences of the gradients."""

    def grads(sign):
        ((W, b),) = params
        there = (Dense(W + sign * 1e-5 * v[0].W, b + sign * 1e-5 * v[0].b),)
        s = None if samples.weights is None else samples.weights[None, :]
        X, Y = samples.X.T, samples.Y.T
        return value_and_grad(net, there, X, Y, sample_weight=s, l2=L2)[1][0]

    return (Dense(*((a - b) / 2e-5 for a, b in zip(grads(1), grads(-1), strict=True))),)


@pytest.fixture
def unshrunk(monkeypatch):
    """Correlations as they are."""
    monkeypatch.setattr("xpnet.estimators._solvers.preconditioner.SHRINKAGE", 0.0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("K", [1, 3])
def test_it_undoes_the_hessian_where_that_is_alike_for_all_rows(unshrunk, K, weighted):
    net, params, samples = drawn(K, weighted=weighted)
    if K > 1:
        params = net.init(scheme="zeros", like=samples.X)
    rng = np.random.default_rng(1)
    v = (Dense(rng.normal(size=(K, N)), rng.normal(size=(K, 1))),)
    if K > 1:  # only differences between the classes' logits change a probability
        v = (Dense(*(a - a.mean(axis=0) for a in v[0])),)
    P = preconditioner(net, samples, L2, centred=True)(params)
    assert_trees_close(P(hessian_times(net, params, samples, v)), v, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [1, 256, 601])
def test_inverse_of_a_lower_triangle_on_every_library(eager_xp, n):
    """Of rows that are divided, of which a half has one more than the other, and that are not."""
    drawn = np.random.default_rng(n).normal(size=(n, n)) / np.sqrt(n)
    L = np.linalg.cholesky(drawn @ drawn.T + np.eye(n)).astype("float32")
    inverse = backend.to_numpy(inverse_of_lower(eager_xp.asarray(L)))
    assert inverse.dtype == "float32"
    np.testing.assert_array_equal(inverse, np.tril(inverse))
    np.testing.assert_allclose(inverse, np.linalg.inv(L.astype("float64")), atol=1e-5)


def test_without_biases_it_leaves_them_where_they_are(unshrunk):
    net, params, samples = drawn(1)
    params = (Dense(params[0].W, 0.0 * params[0].b),)
    v = (Dense(np.arange(1.0, N + 1.0)[None, :], np.zeros((1, 1))),)
    ((dW, db),) = hessian_times(net, params, samples, v)
    P = preconditioner(net, samples, L2, centred=False)(params)
    assert_trees_close(P((Dense(dW, 0.0 * db),)), v, rtol=1e-4)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("K", [1, 3])
def test_it_is_symmetric_and_positive(K, centred):
    net, params, samples = drawn(K)
    P = preconditioner(net, samples, L2, centred=centred)(params)
    units = np.eye(K * (N + 1))
    rows = [P((Dense(e[K:].reshape(K, N), e[:K].reshape(K, 1)),))[0] for e in units]
    matrix = np.asarray([np.concatenate([b.ravel(), W.ravel()]) for W, b in rows])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_every_library_computes_it(eager_xp):
    net, params, samples = drawn(3)
    grads = (Dense(np.ones((3, N)), np.arange(3.0)[:, None]),)
    expected = preconditioner(net, samples, L2, centred=True)(params)(grads)
    X, Y, s = (eager_xp.asarray(array) for array in samples[:3])
    there, params, grads = (
        Samples(X, Y, s, samples.y),
        *((Dense(*map(eager_xp.asarray, tree[0])),) for tree in (params, grads)),
    )
    P = preconditioner(net, there, L2, centred=True)(params)
    assert_trees_close(P(grads), expected, rtol=2e-3, atol=1e-4)
    assert {array.dtype for array in leaves(P(grads))} == {np.dtype("float32")}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_feature_that_hardly_varies_gets_no_wild_steps(dtype):
    """Constant, constant but for rounding, and seen in samples that correlations leave out."""
    m = 4 * FEWEST_ROWS
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m, N)).astype(dtype)
    X[:, 1], X[:, 2], X[:, 3] = 7.0, 1e6 * (1.0 + 4e-8 * rng.normal(size=m)), 0.0
    X[1::400, 3] = 1.0
    net = Network((N, 1))
    samples = Samples(X, (X[:, :1] > 0).astype(dtype), None, None)
    P = preconditioner(net, samples, 0.0, centred=True)(net.init(scheme="zeros", like=X))
    steps = [P((Dense(e[None, :], np.zeros((1, 1), dtype)),))[0] for e in np.eye(N, dtype=dtype)]
    variance = X.astype("float64").var(axis=0)
    assert steps[0].W[0, 0] == pytest.approx(4.0 / variance[0], rel=0.05)
    assert steps[1].W[0, 1] == 1.0
    assert steps[2].W[0, 2] <= 4.0 / variance[2] * 1.05
    assert steps[3].W[0, 3] == pytest.approx(4.0 / variance[3], rel=0.05)


@pytest.mark.parametrize("first", [0, 1])
def test_values_far_out_that_are_certain_are_no_curvature(first):
    """Whether or not they are among the samples that correlations are made of, every fourth."""
    m = 4 * FEWEST_ROWS
    X = np.zeros((m, 2))
    X[:, 0] = np.random.default_rng(0).normal(size=m)
    X[first::400, 1], X[2::400, 1] = 40.0, 1.0
    samples = Samples(X, (X[:, :1] > 0).astype(float), None, None)
    params = (Dense(np.asarray([[0.0, 1.0]]), np.zeros((1, 1))),)
    P = preconditioner(Network((2, 1)), samples, 0.0, centred=True)(params)
    ((step, _),) = P((Dense(np.asarray([[0.0, 1.0]]), np.zeros((1, 1))),))
    h = np.exp(-X[:, 1]) / (1.0 + np.exp(-X[:, 1])) ** 2
    curvature = np.mean(h * (X[:, 1] - np.average(X[:, 1], weights=h)) ** 2)
    assert step[0, 1] == pytest.approx(1.0 / curvature, rel=0.02)


def test_no_weight_where_correlations_are_made_costs_few_steps():
    """Every second sample has none, and the correlations are those of just these."""
    rng, m = np.random.default_rng(0), 2 * FEWEST_ROWS
    X = rng.lognormal(0.0, 2.0, size=(m, 30)) * (rng.random((m, 30)) < 0.01)
    y = X @ rng.normal(size=30) + rng.logistic(size=m) > 0.5
    assert LogisticRegression().fit(X, y, sample_weight=np.arange(m) % 2).n_iter_[0] <= 30


@pytest.mark.parametrize(
    ("m", "n", "K", "worthwhile"),
    [(60_000, 784, 10, True), (150, 4, 3, True), (11_000, 20_000, 20, False), (50, 500, 1, False)],
)
def test_it_is_for_many_samples_of_few_features(m, n, K, worthwhile):
    X, Y = np.broadcast_to(0.0, (m, n)), np.broadcast_to(0.0, (m, K))
    assert is_worthwhile(Samples(X, Y, None, Y)) == worthwhile


@pytest.mark.parametrize(
    ("m", "n", "a_row", "worthwhile"),
    [(50_000, 200, 10, True), (50_000, 200, 1, False), (2_000, 20_000, 200, False)],
)
def test_of_sparse_samples_the_non_zeros_count(m, n, a_row, worthwhile):
    features = np.arange(m * a_row, dtype="int32") % n
    begins = np.arange(0, m * a_row + 1, a_row, dtype="int32")
    X = csr_matrix((np.ones(m * a_row), features, begins), (m, n))
    Y = np.zeros((m, 1))
    assert is_worthwhile(Samples(X, Y, None, Y)) == worthwhile
    assert is_worthwhile(Samples(np.broadcast_to(0.0, (m, n)), Y, None, Y)) == (n < 1_000)


@pytest.mark.parametrize("device", ["numpy", "torch"])
def test_samples_whose_squares_overflow(device):
    X = np.random.default_rng(0).normal(size=(40, 3))
    huge = backend.asarray(X * 1e300, backend=device, dtype="float64")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")
        model = LogisticRegression().fit(huge, (X[:, 0] > 0).astype(int))
    assert np.isfinite(backend.to_numpy(model.coef_)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mean_and_variance_of_sparse_samples(dtype):
    """Of non-zeros alone, each of which is in two parts."""
    rng = np.random.default_rng(0)
    dense = (rng.random((60, 7)) * (rng.random((60, 7)) < 0.2)).astype(dtype)
    dense[:, 0] = 0
    rows, columns = np.nonzero(dense)
    values = dense[rows, columns]
    parts = np.concatenate([values / 2, values / 2])
    places = np.concatenate([rows, rows]), np.concatenate([columns, columns])
    coo = coo_matrix((parts, places), dense.shape)
    order = np.lexsort((coo.col, coo.row))
    begins = np.searchsorted(coo.row[order], np.arange(len(dense) + 1))
    X = csr_matrix((coo.data[order], coo.col[order], begins), dense.shape)
    assert X.nnz == 2 * len(values)
    weights = rng.random(60).astype(dtype)
    found = Rows(X, weights, 1024)
    p = (weights / weights.sum())[:, None].astype(float)
    mean = (p * dense).sum(axis=0)[:, None]
    tolerance = {"rtol": 1e-5 if dtype == "float32" else 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(mean_of(found), mean, **tolerance)
    variance = variance_of(found, mean_of(found))
    assert variance.dtype == dtype
    np.testing.assert_allclose(variance[:, 0], (p * (dense - mean.T) ** 2).sum(axis=0), **tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_is_no_variance(dtype):
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 1001).astype(dtype)
    rows = Rows(np.full((1001, 1), 0.1, dtype), weights, 64)
    assert variance_of(rows, mean_of(rows)) == 0.0
