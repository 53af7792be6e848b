"""Benchmark of one small cell of the comparison with other libraries."""

from __future__ import annotations

from functools import partial

import pytest

from bench.peers.cell import cell_of
from bench.peers.tasks import TRAINING
from bench.samples import MOST

STEPS = 100

# What other libraries warn of when they are imported is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cell():
    return cell_of((64, 32, 10), 128, STEPS, MOST)


@pytest.fixture(scope="module")
def expected(cell):
    """The cost that plain kernels come to; every peer starts from the same weights."""
    plain = next(peer for peer in TRAINING.peers if peer.name == "xpnet, plain NumPy")
    return plain.setup(cell).train(cell.epochs)


@pytest.mark.parametrize("peer", TRAINING.peers, ids=lambda peer: peer.name)
def test_peer(peer, cell, expected, benchmark, monkeypatch):
    if missing := peer.missing():
        pytest.skip(f"{', '.join(missing)} not installed")
    if peer.name == "torch.compile" and not benchmark.enabled:  # g++ takes long
        import torch

        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    trial = peer.setup(cell)
    trial.restart()
    cost = trial.cost_of(trial.train(cell.epochs))
    assert cost is None or cost == pytest.approx(expected, rel=TRAINING.tolerance)

    benchmark.group = f"{cell.epochs} epochs of {cell.steps_per_epoch} steps"
    benchmark.pedantic(trial.train, args=(cell.epochs,), setup=trial.restart, rounds=5)
    benchmark.extra_info |= {"peer": peer.name, "role": peer.role, "steps": cell.steps}
