"""Gathering of a shuffled batch: its end, and what its loop is not given."""

from __future__ import annotations

import numpy as np

from xpnet.fused.numba.gather import gathered


def test_the_last_batch_ends_with_the_order(rng):
    X, order = rng.random((9, 4)), rng.permutation(9)
    (batch,) = gathered([X], order, 6, 12)
    np.testing.assert_array_equal(batch, X[order[6:]].T)


def test_what_does_not_fit(rng):
    X, order = rng.random((9, 4)), rng.permutation(9)
    assert gathered([X], np.stack([order, order]), 0, 3) is NotImplemented
    assert gathered([np.asfortranarray(X)], order, 0, 3) is NotImplemented
