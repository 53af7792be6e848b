"""The exponential of compiled loops, beside NumPy's in a wider dtype."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused._numba_compiled import compiled
from xpnet.fused._numba_exp import exp, expm1


@compiled
def of_each(x, to):
    for i in range(x.size):
        to[i] = exp(x[i])


@compiled
def less_one_of_each(x, to):
    for i in range(x.size):
        to[i] = expm1(x[i])


def exponentials(x):
    to = np.empty_like(x)
    of_each(x, to)
    return to


@pytest.mark.parametrize(("dtype", "most"), [("float32", 87), ("float64", 708)])
def test_within_two_units_in_the_last_place(dtype, most):
    x = np.concatenate([np.linspace(-most, most, 100_001), np.linspace(-1, 1, 10_001)])
    x = x.astype(dtype)
    expected = np.exp(x.astype(np.longdouble))
    error = abs(exponentials(x) - expected) / expected
    assert error.max() < 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_at_its_ends(dtype):
    x = np.asarray([np.nan, np.inf, 1e4, -np.inf, -1e4, 0.0], dtype)
    nan, *large, small, smaller, one = exponentials(x)
    limits = np.finfo(dtype)
    assert np.isnan(nan)
    assert all(np.isfinite(large))
    assert min(large) > 1e-1 * limits.max
    assert limits.tiny <= small == smaller < 2 * limits.tiny
    assert one == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_less_one_it_keeps_its_digits_about_zero(dtype):
    x = np.concatenate([np.linspace(-5, 5, 100_001), np.geomspace(1e-30, 1, 1001)]).astype(dtype)
    to = np.empty_like(x)
    less_one_of_each(x, to)
    expected = np.expm1(x.astype(np.longdouble))
    error = abs(to - expected)
    assert (error <= 3 * np.finfo(dtype).eps * abs(expected)).all()
