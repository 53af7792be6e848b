"""Sparse samples, which are made dense by the batch or block only."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from xpnet import LogisticRegression, MLPClassifier, backend
from xpnet.estimators import _prediction

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


class RowsOnly(sparse.csr_matrix):
    """A sparse matrix that counts the rows that are made dense."""

    most = 0

    def toarray(self, *args, **kwargs):
        RowsOnly.most = max(RowsOnly.most, self.shape[0])
        return super().toarray(*args, **kwargs)


@pytest.mark.parametrize(
    ("form", "solver"),
    [
        (sparse.csr_matrix, "adam"),
        (sparse.csc_array, "adam"),
        (sparse.coo_matrix, "adam"),
        (sparse.csr_matrix, "lbfgs"),
    ],
)
def test_sparse_samples(few, form, solver):
    settings = SETTINGS | {"solver": solver, "early_stopping": True}
    model = MLPClassifier(**settings).fit(form(few.X), few.y)
    reference = MLPClassifier(**settings).fit(*few)
    np.testing.assert_allclose(
        model.predict_proba(form(few.X)), reference.predict_proba(few.X), atol=1e-5
    )


def test_sparse_samples_are_never_dense_as_a_whole(few):
    RowsOnly.most = 0
    MLPClassifier(**SETTINGS, batch_size=32).fit(RowsOnly(few.X), few.y)
    assert RowsOnly.most == 32


class OnDevice:
    """What cupyx's sparse matrices have, on torch: entries on a device, and rows of them."""

    def __init__(self, dense):
        self.dense, self.data, self.nnz = dense, dense[dense != 0], 0
        self.shape, self.ndim, self.dtype = tuple(dense.shape), 2, dense.dtype

    def __getitem__(self, rows):
        return OnDevice(self.dense[rows])

    def tocsr(self):
        return self

    def toarray(self):
        return self.dense

    def astype(self, dtype):
        return OnDevice(self.dense.to(dtype))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_samples_on_a_device(few, solver):
    X = backend.asarray(few.X, backend="torch")
    settings = SETTINGS | {"solver": solver, "early_stopping": True}
    model = MLPClassifier(**settings).fit(OnDevice(X), few.y)
    reference = MLPClassifier(**settings).fit(X, few.y)
    assert bool((model.predict(OnDevice(X)) == reference.predict(X)).all())
    assert model.to_device("numpy").to_device(OnDevice(X)).score(OnDevice(X), few.y) > 0


@pytest.mark.parametrize("form", [RowsOnly, sparse.csc_array, sparse.coo_matrix])
def test_sparse_samples_are_dense_by_the_block_only(monkeypatch, digits, form):
    dense = LogisticRegression(tol=1e-6).fit(*digits)
    monkeypatch.setattr(_prediction, "CHUNK_BYTES", 2**18)
    RowsOnly.most = 0
    model = LogisticRegression(tol=1e-6).fit(form(digits.X), digits.y)
    np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-4)
    assert RowsOnly.most <= 1024
    assert model.score(form(digits.X), digits.y) == dense.score(*digits)
