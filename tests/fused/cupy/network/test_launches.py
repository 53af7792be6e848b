"""How many launches and allocations a training step on CuPy takes, by the stand-in's counts."""

from __future__ import annotations

import numpy as np
import pytest
from array_api_compat import array_namespace

import xpnet
from tests.standin.place import device_answers
from xpnet import backend, optim
from xpnet.fused.cupy.updates import FIELDS
from xpnet.network.defaults import accelerator_for

pytestmark = pytest.mark.skipif(device_answers(), reason="CuPy itself counts nothing")

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

NET = xpnet.Network((784, 512, 256, 10), "relu", "softmax")
BATCH = 128

PLAIN = 17  # 8 products, a forward of 3 layers, cost, its sums, 2 backward, update, gathering
ALLOCATED = 3  # the batch's X and Y, and the cost

COUNTS = {
    "plain": ({}, PLAIN),
    "penalty": ({"l2": 0.1}, PLAIN + 1),
    "clipped": ({"norm": 1.0}, PLAIN + 2),
    "weights": ({"weighted": True}, PLAIN + 1),
    "dropout": ({"dropout": 0.2}, PLAIN),
    "all": ({"l2": 0.1, "norm": 1.0, "weighted": True, "dropout": 0.2}, PLAIN + 4),
}


@pytest.fixture(autouse=True)
def _uncomputed(monkeypatch):
    """Kernels that are counted and do nothing: what they compute takes long, and is not asked."""
    start = cupy._function.Function.start

    def noted(function, *args):
        if function.name == "xpnet_gather":  # the batches are looked at
            start(function, *args)
        else:
            cupy._counts.note("launches", function.name)

    monkeypatch.setattr(cupy._function.Function, "start", noted)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.random((4 * BATCH, 784), "float32")
    return X, np.eye(10, dtype="float32")[rng.integers(10, size=len(X))]


def counted_step(rows, *, stack=(), norm=None, weighted=False, optimizer=None, **settings):
    """The counts of one step of a loop that is under way."""
    X, Y = map(cupy.asarray, rows)
    params = NET.init(0, like=X)
    if stack:
        params = xpnet.stack([params] * stack[0])
    optimizer = optim.adam(1e-3) if optimizer is None else optimizer
    optimizer = optimizer if norm is None else optim.clip(optimizer, norm)
    weight = cupy.ones((1, BATCH), "float32") if weighted else None
    batches = xpnet.data.batches(
        X, Y, batch_size=BATCH, seed=0, gather=accelerator_for(X).gather(backend.gather)
    )
    settings |= {"optimizer": optimizer, "sample_weight": weight}
    walk = xpnet.steps(NET, params, batches, **settings)
    for _ in range(3):
        step = next(walk)
    with cupy.counted() as counts:
        step = next(walk)
    assert step.index == 4
    return counts


@pytest.mark.parametrize(("options", "launches"), COUNTS.values(), ids=COUNTS)
def test_a_step(rows, options, launches):
    counts = counted_step(rows, **options)
    assert len(counts.launches) <= launches, counts.launches
    assert len(counts.allocations) <= ALLOCATED
    assert counts.reads == counts.copies == []


@pytest.mark.parametrize("name", FIELDS)
def test_every_optimiser(rows, name):
    counts = counted_step(rows, optimizer=optim.OPTIMIZERS[name].make(1e-3))
    assert len(counts.launches) <= PLAIN, counts.launches


def test_a_stack_multiplies_the_rows_of_all_networks_at_once(rows):
    counts = counted_step(rows, stack=(3,))
    assert len(counts.launches) <= PLAIN, counts.launches
    assert counts.launches.count("sgemm") == 2  # W X, and dW: of all networks
    assert counts.launches.count("sgemmStridedBatched") == 6
    assert len(counts.allocations) <= ALLOCATED


def test_a_layer_of_a_stack_by_itself_is_one_product_too(rows):
    X = cupy.asarray(rows[0][:BATCH]).T
    (W, b), *_ = xpnet.stack([NET.init(0, like=X)] * 3)
    kernels = xpnet.accelerate(xpnet.VECTORIZED, array_namespace(X))
    with cupy.counted() as counts:
        layer = kernels.dense_activation("relu", W, b, X)
        kernels.activation_dense_backward("relu", layer.A, layer, X, W, need_dA_prev=False)
    assert counts.launches == [
        "matmul",
        "forward<activation::relu>",
        "backward<activation::relu>",
        "matmul",
    ]


def test_weights_are_gathered_with_their_batch(rows):
    X, Y, weight = (cupy.asarray(array) for array in (*rows, np.ones((1, len(rows[0])), "float32")))
    gather = accelerator_for(X).gather(backend.gather)
    batches = xpnet.data.batches(X, Y, batch_size=9, seed=0, sample_weight=weight, gather=gather)
    with cupy.counted() as counts:
        next(batches)
    assert counts.launches == ["xpnet_gather"]
