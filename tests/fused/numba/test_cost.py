"""Costs with their derivative: what their loops are not given."""

from __future__ import annotations

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
