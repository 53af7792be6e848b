"""Samples that benchmarks draw."""

from __future__ import annotations

import numpy as np

from bench import samples


def test_digits_have_many_zeros_and_dense_samples_none():
    digits, dense = samples.synthetic(100, 500), samples.dense(100, 500)
    assert 0.1 < np.count_nonzero(digits.X) / digits.X.size < 0.3
    for drawn in (digits, dense):
        assert drawn.X.dtype == np.float32
        assert drawn.X.min() >= 0
        assert drawn.X.max() <= 1
        assert set(drawn.labels.tolist()) == set(range(samples.CLASSES))
    assert dense.X.all()


def test_samples_are_loaded_by_their_source():
    assert samples.load(5, samples.DENSE).X.all()
    assert not samples.load(5, None).X.all()
