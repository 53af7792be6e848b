"""PyTorch as a peer."""

from __future__ import annotations

from functools import partial
from shutil import which

import pytest

from bench.peers.cell import cell_of

# What PyTorch warns of while it compiles is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.skipif(which("g++") is None, reason="torch.compile needs g++")
def test_every_network_is_compiled_however_many_there_were(monkeypatch):
    torch = pytest.importorskip("torch")
    dynamo = pytest.importorskip("torch._dynamo")
    # How often it compiles does not depend on the compiler.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))

    from bench.peers import with_torch

    with dynamo.config.patch(recompile_limit=1, fail_on_recompile_limit_hit=True):
        costs = [
            with_torch.compiled(cell_of((64, n, 10), batch=32, steps=2, m=64)).train(1)
            for n in (5, 6)
        ]
    assert all(1 < cost < 4 for cost in costs)
