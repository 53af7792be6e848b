"""Activations and outputs from one end of a dtype to the other, beside exact arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.accuracy import FUNCTIONS, exact, grid, layer, predicted, worst
from xpnet.kernels import ACTIVATIONS, LOOPED, OUTPUTS, VECTORIZED
from xpnet.kernels.activations import LOOPED_ACTIVATIONS

OF_ONE_LOGIT = {"sigmoid": "sigmoid", "softmax": "sigmoid", "exp": "exp"}
"""The outputs whose value, and dZ without a target, is a function of one logit, and which."""

MOST = {  # ulp of the exact value, float32 and float64
    "identity": (0, 0),
    "relu": (0, 0),
    "leaky_relu": (2, 2),
    "elu": (6, 6),
    "sigmoid": (4, 4),
    "tanh": (10, 10),
    # Rounding of 2u counts as often as 2u is large.
    "gelu": (200, 2000),
    "silu": (5, 5),
    "softplus": (4, 4),
    "exp": (4, 4),
}
SLOPES = {"tanh": 10}
"""Where the derivative is further off than 3 ulp of 1."""


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
    assert error <= SLOPES.get(name, 3), f"the derivative of {name} at {at}: {error:.3g} ulp of 1"


def row(library, dtype):
    """The grid as a row of logits."""
    return library.asarray(grid(dtype)[None, :], dtype)


@pytest.fixture(params=ACTIVATIONS)
def name(request):
    return request.param


def test_an_activation_on_every_library(xp, name, dtype):
    A, slope = layer(VECTORIZED, name, row(xp, dtype))
    assert_within_ulps(xp.to_numpy(A)[0], name, dtype)
    assert_slope(xp.to_numpy(slope)[0], name, dtype)


@pytest.mark.parametrize("name", OF_ONE_LOGIT)
def test_an_output_on_every_library(xp, name, dtype):
    for array in predicted(VECTORIZED, name, row(xp, dtype)):
        assert_within_ulps(xp.to_numpy(array)[0], OF_ONE_LOGIT[name], dtype)


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
def test_nan_gives_nan(eager_xp, name, dtype, kernels):
    Z = eager_xp.asarray([[math.nan, 1.0]], dtype)
    A = kernels.dense_activation(name, Z[:, 1:], 0.0 * Z[:, 1:], Z).A
    assert np.isnan(eager_xp.to_numpy(A)).tolist() == [[True, False]]


@pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_nan_gives_nan_in_an_output(eager_xp, name, dtype, kernels):
    Z = eager_xp.asarray([[math.nan, 1.0]], dtype)
    for array in predicted(kernels, name, Z):
        assert np.isnan(eager_xp.to_numpy(array)[0]).tolist() == [True, False]


LIMITS = {  # at −∞ and at ∞
    "identity": (-math.inf, math.inf),
    "relu": (0, math.inf),
    "leaky_relu": (-math.inf, math.inf),
    "elu": (-1, math.inf),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "gelu": (0, math.inf),
    "silu": (math.nan, math.inf),  # −∞ · 0
    "softplus": (0, math.inf),
}


@pytest.mark.parametrize("table", [ACTIVATIONS, LOOPED_ACTIVATIONS], ids=["vectorized", "looped"])
def test_infinity_gives_the_limit(eager_xp, name, table):
    Z = eager_xp.asarray([[-math.inf, math.inf]])
    with np.errstate(invalid="ignore"):
        A = table[name].apply(Z)
    np.testing.assert_array_equal(eager_xp.to_numpy(A), [LIMITS[name]])
