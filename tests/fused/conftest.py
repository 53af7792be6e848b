from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that gives every test the same numbers."""
    return np.random.default_rng(5)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Each dtype that there are fused kernels for."""
    return request.param
