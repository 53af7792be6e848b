"""Activations and outputs from one end of a dtype to the other, beside exact arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.accuracy import FUNCTIONS, OF_ONE_LOGIT, exact, grid, layer, predicted, worst
from tests.kernels import tables
from xpnet.kernels import ACTIVATIONS, LOOPED, OUTPUTS, VECTORIZED

MOST = {name: row.ulps for name, row in tables.ACTIVATIONS.items()} | {"exp": (4, 4)}
"""Ulp of the exact value, in float32 and float64."""


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


def assert_within_ulps(got, name, dtype):
    """Within `MOST`, finite wherever the exact value is, and small where that is denormal."""
    of, z = exact(name, "apply", dtype), grid(dtype)
    most = MOST[name][dtype == "float64"]
    error, at = worst(got, of, z, FUNCTIONS[name].least)
    assert error <= most, f"{name} at {at}: {error:.3g} ulp"
    limits = np.finfo(dtype)
    assert np.isfinite(got[abs(of.high) <= limits.max]).all()
    least = FUNCTIONS[name].least * float(limits.tiny)
    small = abs(of.high) < least
    assert abs(got[small] - of.high[small]).max() <= least


def assert_slope(got, name, dtype):
    """Beside 1, the largest derivative there is but for a few hundredths."""
    error, at = worst(got, exact(name, "derivative", dtype), grid(dtype), floor=1.0)
    most = tables.ACTIVATIONS[name].slope_ulps
    assert error <= most, f"the derivative of {name} at {at}: {error:.3g} ulp of 1"


def row(library, dtype):
    """The grid as a row of logits."""
    return library.asarray(grid(dtype)[None, :], dtype)


@pytest.fixture(params=ACTIVATIONS)
def name(request):
    return request.param


def test_every_library(xp, dtype):
    for name in ACTIVATIONS:
        A, slope = layer(VECTORIZED, name, row(xp, dtype))
        assert_within_ulps(xp.to_numpy(A)[0], name, dtype)
        assert_slope(xp.to_numpy(slope)[0], name, dtype)
    for output, name in OF_ONE_LOGIT.items():
        for array in predicted(VECTORIZED, output, row(xp, dtype)):
            assert_within_ulps(xp.to_numpy(array)[0], name, dtype)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_looped_activation(name, dtype):
    A, slope = layer(LOOPED, name, grid(dtype)[None, :])
    assert_within_ulps(A[0], name, dtype)
    assert_slope(slope[0], name, dtype)


@pytest.mark.parametrize("name", OF_ONE_LOGIT)
def test_a_looped_output(name, dtype):
    for array in predicted(LOOPED, name, grid(dtype)[None, :]):
        assert_within_ulps(array[0], OF_ONE_LOGIT[name], dtype)


@pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])
def test_a_small_probability_keeps_its_digits(eager_xp, kernels):
    """Where (1 + tanh(z/2)) / 2 had lost three digits, then all."""
    Z = eager_xp.asarray([[-15.0, -18.0, -38.0, -80.0]])
    A = eager_xp.to_numpy(kernels.output_activation("sigmoid", Z))[0]
    expected = [1 / (1 + math.exp(-z)) for z in (-15.0, -18.0, -38.0, -80.0)]
    np.testing.assert_allclose(A, expected, rtol=4e-7)


@pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])
def test_nan_gives_nan(eager_xp, kernels, dtype):
    Z = eager_xp.asarray([[math.nan, 1.0]], dtype)
    for name in ACTIVATIONS:
        A = kernels.dense_activation(name, Z[:, 1:], 0.0 * Z[:, 1:], Z).A
        assert np.isnan(eager_xp.to_numpy(A)).tolist() == [[True, False]], name
    for name in OUTPUTS:
        for array in predicted(kernels, name, Z):
            assert np.isnan(eager_xp.to_numpy(array)[0]).tolist() == [True, False], name


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_infinity_gives_the_limit(xp):
    Z = xp.asarray([[-math.inf, math.inf]])
    for name, row in ACTIVATIONS.items():
        A = xp.to_numpy(row.apply(Z))
        limits = np.asarray([tables.ACTIVATIONS[name].limits], A.dtype)
        np.testing.assert_array_equal(A, limits, err_msg=name)


def test_infinity_gives_the_limit_looped(name):
    A = ACTIVATIONS[name].apply_looped(np.asarray([[-math.inf, math.inf]]))
    np.testing.assert_array_equal(A, [tables.ACTIVATIONS[name].limits])
