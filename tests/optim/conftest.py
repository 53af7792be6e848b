from __future__ import annotations

import pytest


@pytest.fixture
def reads(monkeypatch):
    """How often a torch tensor is read by the host."""
    torch = pytest.importorskip("torch")
    counted = []
    for name in ("tolist", "item", "numpy", "__float__", "__int__", "__bool__", "__array__"):
        method = getattr(torch.Tensor, name)

        def counting(tensor, *args, method=method, **options):
            counted.append(method.__name__)
            return method(tensor, *args, **options)

        monkeypatch.setattr(torch.Tensor, name, counting)
    return counted
