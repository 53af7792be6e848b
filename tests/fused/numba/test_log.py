"""The logarithm of compiled loops, beside NumPy's in a wider dtype."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.log import log1p


@compiled
def of_each(x, to):
    for i in range(x.size):
        to[i] = log1p(x[i])


def logarithms(x):
    to = np.empty_like(x)
    of_each(x, to)
    return to


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_within_two_units_in_the_last_place(dtype):
    """From numbers far below 1, whose sum with it is 1, up to the largest x there may be."""
    x = np.concatenate([np.linspace(0, 5, 100_001)[1:], np.geomspace(1e-30, 1e38, 100_001)])
    x = x.astype(dtype)
    expected = np.log1p(x.astype(np.longdouble))
    error = abs(logarithms(x) - expected) / expected
    assert error.max() < 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_0_and_of_no_number(dtype):
    zero, nan = logarithms(np.asarray([0.0, np.nan], dtype))
    assert zero == 0
    assert np.isnan(nan)
