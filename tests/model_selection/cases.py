"""Searches by scikit-learn's class and by ours, on the same small data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_diabetes, load_digits
from sklearn.pipeline import Pipeline

from xpnet import optim
from xpnet.model_selection import fitting

X, Y = load_digits(return_X_y=True)
X, Y = (X[:203] / 16).astype(np.float32), Y[:203]
REAL_X, REAL_Y = load_diabetes(return_X_y=True)
REAL_X, REAL_Y = REAL_X[:101], REAL_Y[:101] / 100

SMALL = {"hidden_layer_sizes": (5,), "batch_size": 40, "max_iter": 4, "random_state": 0}
LONG = {**SMALL, "max_iter": 12}
SHORT = {**SMALL, "max_iter": 1}
RATES = {"learning_rate_init": [1e-3, 3e-2]}
FOLDS = 4


TARGETS = {
    "one": (Y / 3).astype(np.float32),
    "two": np.stack([Y / 3, 3 * Y % 7], axis=1).astype(np.float32),
    "column": (Y[:, None] / 3).astype(np.float32),
    "double": Y / 3,
    "whole": Y,
}
"""Of regressors, beside X."""


def failing(rate):
    """A solver that has no rate from some step of the second epoch on."""

    def schedule(t):
        if t > 4:
            raise ArithmeticError("there is no rate")
        return rate(t)

    return optim.adam(schedule)


class Unequal:
    """Folds of three sizes, with last batches that are short."""

    def split(self, X, y=None, groups=None):
        for test in (30, 61, 47):
            numbers = np.arange(len(X))
            yield numbers[test:], numbers[:test]

    def get_n_splits(self, X=None, y=None, groups=None):
        return 3


def heard(call):
    """What a call returns, and its warnings: text, category and file."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        result = call()
    return result, [(str(w.message)[:80], w.category, w.filename) for w in warned]


def reads_of(call, monkeypatch):
    """How often the host reads once all trainings are over."""
    train_all = fitting.train_all
    with pytest.importorskip("cupy").counted() as counts, monkeypatch.context() as context:
        context.setattr(
            fitting, "train_all", lambda *a, **b: (train_all(*a, **b), counts.reads.clear())
        )
        heard(call)
    return len(counts.reads)


def assert_same_results(ours, theirs):
    """The dict `cv_results_` or the like: the same entries in the same order, but for times."""
    assert list(ours) == list(theirs)
    for name, values in theirs.items():
        if not name.endswith("_time"):
            np.testing.assert_equal(np.asarray(ours[name]), np.asarray(values), name)


def alike(found, expected):
    """That arrays have the same numbers and dtypes, in whatever libraries."""
    assert str(found.dtype).removeprefix("torch.") == str(expected.dtype).removeprefix("torch.")
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-4, atol=1e-5)


def scaled(network, *steps, **options):
    """A pipeline of steps and a network."""
    names = [f"step{number}" for number in range(len(steps))]
    return Pipeline([*zip(names, steps, strict=True), ("net", network)], **options)


class Centred(TransformerMixin, BaseEstimator):
    """Leaves samples where they are, as few of scikit-learn's steps do in JAX."""

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_
