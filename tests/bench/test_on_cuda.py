"""Peers on CUDA, as far as they need no device: their names, and the floor's products."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest

from bench.peers.on_cuda import products_of
from bench.peers.tasks import TRAINING_ON_CUDA


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
