"""Fused activations and outputs from one end of a dtype to the other, beside exact arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.accuracy import layer, predicted
from tests.kernels.test_range import OF_ONE_LOGIT, assert_slope, assert_within_ulps, row
from xpnet import fused
from xpnet.kernels import ACTIVATIONS, VECTORIZED

ON_EACH = pytest.mark.parametrize("xp", ["numpy", "torch", "jax"], indirect=True)


@ON_EACH
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation(xp, name, dtype):
    A, slope = layer(fused.accelerate(VECTORIZED, xp.xp), name, row(xp, dtype))
    assert_within_ulps(xp.to_numpy(A)[0], name, dtype)
    assert_slope(xp.to_numpy(slope)[0], name, dtype)


@ON_EACH
@pytest.mark.parametrize("name", OF_ONE_LOGIT)
def test_an_output(xp, name, dtype):
    A, dZ = (
        xp.to_numpy(array)[0]
        for array in predicted(fused.accelerate(VECTORIZED, xp.xp), name, row(xp, dtype))
    )
    assert_within_ulps(A, OF_ONE_LOGIT[name], dtype)
    if name != "softmax":
        assert_within_ulps(dZ, OF_ONE_LOGIT[name], dtype)


@ON_EACH
def test_the_softmax_of_a_gradient(xp, dtype):
    """Of log p on torch, which is rounded as often as it is large; 0 on numba from 80 down."""
    Z = row(xp, dtype)
    plain, dZ = (
        xp.to_numpy(predicted(kernels, "softmax", Z)[1])[0]
        for kernels in (VECTORIZED, fused.accelerate(VECTORIZED, xp.xp))
    )
    eps, end = float(np.finfo(dtype).eps), {"float32": -80, "float64": -700}[dtype]
    np.testing.assert_allclose(dZ, plain, rtol=eps * -end, atol=math.exp(end) + 1e-300)


@ON_EACH
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_gives_nan(xp, name, dtype):
    Z = xp.asarray([[math.nan, 1.0]], dtype)
    A, _ = layer(fused.accelerate(VECTORIZED, xp.xp), name, Z)
    assert np.isnan(xp.to_numpy(A)).tolist() == [[True, False]]


@ON_EACH
def test_a_well_known_sample_has_a_cost(xp, dtype):
    """Of y = 1 and z = 20: what cancels may not take log(1 + e^-20) with it."""
    Z, Y = xp.asarray([[20.0]], dtype), xp.asarray([[1.0]], dtype)
    for kernels in (VECTORIZED, fused.accelerate(VECTORIZED, xp.xp)):
        J, _ = kernels.output_cost_backward("sigmoid", Z, Y, 1.0)
        assert float(J) == pytest.approx(math.log1p(math.exp(-20.0)), rel=1e-6)
