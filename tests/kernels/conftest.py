"""Small host arrays that the tests of the kernels share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that gives every test the same numbers."""
    return np.random.default_rng(3)
