"""Costs with their derivative: what their loops are not given."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet.fused.numba.cost import OUTPUTS, fused_cost

Z = np.zeros((3, 5), "float32")
UNFIT = {
    "shape of Y": (Z[:, :4].copy(), 1.0),
    "dtype of Y": (Z.astype("float64"), 1.0),
    "shape of weights": (Z, np.ones((1, 4), "float32")),
    "dtype of weights": (Z, np.ones((1, 5))),
}


@pytest.mark.parametrize(("Y", "scale"), UNFIT.values(), ids=UNFIT)
@pytest.mark.parametrize("output", OUTPUTS)
def test_what_does_not_fit(output, Y, scale):
    cost = fused_cost(np.empty)
    assert cost(output, Z, Z, np.ones((1, 5), "float32")) is not NotImplemented
    assert cost(output, Z, Y, scale) is NotImplemented


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("float64", 1e-14)])
def test_the_cost_of_a_sure_output_keeps_its_digits(dtype, rtol):
    """Of a sigmoid, where ``z − y z`` is 0 and the logarithm alone is left."""
    Z = np.full((1, 1), 20.0, dtype)
    J, _ = fused_cost(np.empty)("sigmoid", Z, np.ones_like(Z), 1.0)
    np.testing.assert_allclose(J, math.log1p(math.exp(-20.0)), rtol=rtol)
