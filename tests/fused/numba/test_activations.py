"""Derivatives at the very points where their formula changes, and far away."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.numba.activations import KINDS
from xpnet.kernels.activations import ACTIVATIONS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.derivative])
def test_derivatives_at_the_limits(name, dtype):
    most = np.finfo(dtype).max
    Z = np.array([[-most, -2000, -3, 0, 3, 2000, most]], dtype)
    found = np.empty_like(Z)
    KINDS[name].derivative(Z, found)
    plain = ACTIVATIONS[name]
    np.testing.assert_allclose(found, plain.derivative(Z, plain.apply(Z)), atol=1e-6)
