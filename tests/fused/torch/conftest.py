from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _torch_runs(own_runs):
    """PyTorch's own runs, which on a processor NumPy's would take the place of."""
