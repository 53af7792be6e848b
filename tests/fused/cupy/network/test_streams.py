"""Trainings on a stream that others do not wait for by themselves, as late as it may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xpnet
from tests.standin.place import device_answers
from xpnet import optim
from xpnet.types import tensors

cupy = pytest.importorskip("cupy")

from tests.fused.cupy.network.trainings import (  # noqa: E402
    BATCH,
    EPOCHS,
    NET,
    assert_same,
    results,
    run,
    samples,
)

pytestmark = pytest.mark.usefixtures("cuda_device")

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "all of it": {
        "optimizer": optim.clip(optim.adamw(lambda t: 0.1 / t), 0.5),
        "l2": 0.1,
        "weighted": True,
        "dropout": 0.3,
    },
    "stack": {"networks": 3, "l2": 0.1, "weighted": True, "dropout": 0.3},
    "a rate for each": {
        "networks": 2,
        "optimizer": optim.adam(np.asarray([1e-2, 1e-3], "float32")[:, None, None]),
    },
    "plain kernels": {"kernels": xpnet.VECTORIZED, "dropout": 0.3},
}


@pytest.fixture
def stream():
    return cupy.cuda.Stream(non_blocking=True)


@pytest.mark.parametrize("on", [False, True], ids=["launches", "graph"])
@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_of_the_null_stream(graph, stream, on, case):
    graph(on)
    expected = results(run(**CASES[case]))
    with stream:
        steps = list(run(**CASES[case]))
        stream.synchronize()
    assert_same(results(iter(steps)), expected)


@pytest.mark.parametrize("on", [False, True], ids=["launches", "graph"])
def test_fit(graph, stream, on):
    def fitted() -> list[Any]:
        X, Y = samples()
        params = NET.init(seed=3, like=X)
        settings = {"epochs": EPOCHS, "batch_size": BATCH, "seed": 2, "dropout": 0.2}
        found = xpnet.fit(NET, params, X.T, Y.T, optimizer=optim.adam(0.1), **settings)
        costs = [np.asarray(row["cost"]) for row in found.history]
        return [[*(array.get() for array in tensors(found.params)), *costs]]

    graph(on)
    expected = fitted()
    with stream:
        assert_same(fitted(), expected)


@pytest.mark.skipif(device_answers(), reason="a device does its work when it likes")
@pytest.mark.parametrize("on", [False, True], ids=["launches", "graph"])
def test_who_reads_on_another_stream_without_a_wait_reads_what_is_not_there_yet(graph, stream, on):
    graph(on)
    with stream:
        last = list(run())[-1:]
    unwaited = results(iter(last))
    stream.synchronize()
    expected = results(iter(last))
    assert_same(expected, results(run())[-1:])
    assert not any(map(np.array_equal, unwaited[0], expected[0]))
