"""Gathering of a shuffled batch: its end, what is asked for ahead, and what is refused."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from xpnet.fused.numba.gather import gathered

GATHER = import_module("xpnet.fused.numba.gather")


def test_the_last_batch_ends_with_the_order(rng):
    X, order = rng.random((9, 4)), rng.permutation(9)
    (batch,) = gathered([X], order, 6, 12)
    np.testing.assert_array_equal(batch, X[order[6:]].T)


def test_what_does_not_fit(rng):
    X, order = rng.random((9, 4)), rng.permutation(9)
    assert gathered([X], np.stack([order, order]), 0, 3) is NotImplemented
    assert gathered([np.asfortranarray(X)], order, 0, 3) is NotImplemented


@pytest.mark.parametrize("n", [1, 40, 784])
def test_no_more_is_asked_for_than_the_next_batch(n, rng, monkeypatch):
    """Of few features, 64 lines are many batches: to ask for all takes longer than to gather."""
    X, order, asked = rng.random((50, n)), rng.permutation(50), []
    monkeypatch.setattr(GATHER, "prefetch", lambda X, i, j: asked.append((i, j)))
    to_X = np.empty((4, n))
    GATHER.gather.py_func(X, order, 8, to_X)
    np.testing.assert_array_equal(to_X, X[order[8:12]])
    coming = order[8 : 16 if n < 100 else 13]
    assert asked == [(i, j) for i in coming for j in range(0, n, 8)]
