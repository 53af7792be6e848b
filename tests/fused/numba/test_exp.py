"""The exponential of compiled loops, beside NumPy's in a wider dtype."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.exp import exp, expm1


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


@pytest.mark.parametrize(("dtype", "most"), [("float32", 88), ("float64", 709)])
def test_within_two_units_in_the_last_place(dtype, most):
    least = np.log(np.finfo(dtype).tiny)
    x = np.concatenate([np.linspace(least, most, 100_001), np.linspace(-1, 1, 10_001)])
    x = np.maximum(x.astype(dtype), np.nextafter(least, 0, dtype=dtype))
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
    assert small == smaller == 0
    assert one == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_below_the_smallest_normal_number_it_soon_is_0(dtype):
    """Rather than denormal, which is slow: half an octave there is, and then nothing."""
    tiny = np.finfo(dtype).tiny
    end = np.log(tiny)
    x = np.linspace(end - 2, end + 0.1, 10_001).astype(dtype)
    e = exponentials(x)
    assert (np.diff(e) >= 0).all()
    assert (e[x < end - 0.4] == 0).all()
    np.testing.assert_allclose(e, np.exp(x.astype(float)), rtol=1e-6, atol=float(tiny))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_less_one_it_keeps_its_digits_about_zero(dtype):
    x = np.concatenate([np.linspace(-5, 5, 100_001), np.geomspace(1e-30, 1, 1001)]).astype(dtype)
    to = np.empty_like(x)
    less_one_of_each(x, to)
    expected = np.expm1(x.astype(np.longdouble))
    error = abs(to - expected)
    assert (error <= 3 * np.finfo(dtype).eps * abs(expected)).all()
