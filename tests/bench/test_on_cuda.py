"""Peers on CUDA, as far as they need no device: their names, the floor, and xpnet on CuPy."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest

from bench.peers.cell import cell_of
from bench.peers.on_cuda import products_of
from bench.peers.tasks import FLOOR, TRAINING, TRAINING_ON_CUDA

ON_CUPY = [peer for peer in TRAINING_ON_CUDA.peers if peer.needs == ("cupy",)]
CELL = cell_of((64, 8, 10), batch=32, steps=8, m=256)


@pytest.mark.parametrize("peer", TRAINING_ON_CUDA.peers, ids=lambda peer: peer.name)
def test_each_peer_is_a_function(peer):
    if missing := {"cupy", "jax", "torch"} & set(peer.missing()):
        pytest.skip(f"{', '.join(missing)} not installed")
    module, function = peer.where.split(":")
    assert callable(getattr(import_module(f"bench.peers.{module}"), function))


def test_the_floor_makes_every_product_of_a_step_and_no_other():
    sizes, m = (7, 5, 4, 3), 11
    W = [np.ones((n_out, n_in)) for n_in, n_out in pairwise(sizes)]
    A = [np.ones((n, m)) for n in sizes]
    shapes = [(left @ right).shape for left, right in products_of(W, A)]
    forward = [(5, m), (4, m), (3, m)]
    weights = [(5, 7), (4, 5), (3, 4)]
    assert shapes == [*forward, *weights, (5, m), (4, m)]


@pytest.mark.usefixtures("cuda_device")
@pytest.mark.parametrize("peer", ON_CUPY, ids=lambda peer: peer.name)
def test_peers_on_cupy_do_the_work_that_numpy_does(peer, monkeypatch):
    for name, value in peer.environment.items():
        monkeypatch.setenv(name, value)
    plain = next(peer for peer in TRAINING.peers if peer.name == "xpnet, plain NumPy")
    trial = peer.setup(CELL)
    trial.restart()
    cost = trial.cost_of(trial.train(CELL.epochs))
    if peer.role == FLOOR:
        assert cost is None
    else:
        assert cost == pytest.approx(plain.setup(CELL).train(CELL.epochs), rel=1e-4)


def test_jax_rounds_as_the_others_do_and_leaves_them_memory():
    for peer in TRAINING_ON_CUDA.peers:
        if "jax" in peer.needs:
            assert peer.environment["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"
            assert peer.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
