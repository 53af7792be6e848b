"""Training steps as CUDA graphs, against the same steps launched kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.fused.cases import OPTIMIZERS, by_kernels
from tests.standin.place import device_answers
from xpnet import optim
from xpnet.fused.cupy.updates import FIELDS
from xpnet.types import tensors

cupy = pytest.importorskip("cupy")

from tests.fused.cupy.network.trainings import (  # noqa: E402
    BATCH,
    EPOCHS,
    NET,
    assert_same,
    epochs,
    launches_of,
    results,
    run,
    samples,
)

pytestmark = pytest.mark.usefixtures("cuda_device")

counting = pytest.mark.skipif(device_answers(), reason="the stand-in counts")

CASES: dict[str, dict[str, Any]] = {
    **{name: {"optimizer": optimizer} for name, optimizer in OPTIMIZERS.items()},
    "float64": {"dtype": "float64"},
    "decaying rate": {"optimizer": optim.adam(lambda t: 0.1 / t)},
    "clipped": {"optimizer": optim.clip(optim.adam(1e-2), 0.5)},
    "penalty": {"l2": 0.1},
    "weights": {"weighted": True},
    "dropout": {"dropout": 0.3, "seed": 5},
    "all of it": {
        "optimizer": optim.clip(optim.adamw(lambda t: 0.1 / t), 0.5),
        "l2": 0.1,
        "weighted": True,
        "dropout": 0.3,
    },
    "stack": {"networks": 3},
    "stack with all of it": {"networks": 3, "l2": 0.1, "weighted": True, "dropout": 0.3},
    "one layer": {"net": xpnet.Network((6, 3), output="sigmoid")},
}

FUSED = [case for case in CASES if case not in OPTIMIZERS or case in by_kernels(FIELDS)]
"""Those whose steps have plans: others are left to the plain update."""


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_that_of_the_launches(graph, case):
    graph(False)
    launched = results(run(**CASES[case]))
    graph(True)
    assert_same(results(run(**CASES[case])), launched)


@counting
@pytest.mark.parametrize("case", FUSED)
def test_a_step_is_a_batch_a_feed_and_a_graph(graph, case):
    graph(True)
    steps = run(**CASES[case])
    for _ in range(2 * 3):
        next(steps)
    weighted = bool(CASES[case].get("weighted"))
    assert launches_of(steps) == ["take"] * (2 + weighted) + ["feed", "graph"]


@counting
def test_a_shape_of_batch_is_captured_at_its_second_coming(graph):
    graph(True)
    steps = run()
    first, second, short = (launches_of(steps) for _ in range(3))
    assert {"feed", "gemm", "update<optimizer::adam>"} <= set(first)
    assert second == ["take", "take", "feed", "graph"]
    assert short == ["take", "take", *first[first.index("feed") :]]
    assert [launches_of(steps) for _ in range(6)] == [second] * 6


def test_fit(graph):
    X, Y = samples()
    params, trained = NET.init(seed=3, like=X), []
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "seed": 2, "dropout": 0.2}
    for on in (True, False):
        graph(on)
        trained.append(xpnet.fit(NET, params, X.T, Y.T, optimizer=optim.adam(0.1), **settings))
    ours, theirs = ([[array.get() for array in tensors(t.params)]] for t in trained)
    assert_same(ours, theirs)
    for row, other in zip(*(t.history for t in trained), strict=True):
        assert row["cost"] == pytest.approx(other["cost"], rel=1e-5)


def test_parameters_and_costs_that_a_caller_keeps_stay_as_they_are(graph):
    graph(True)
    kept = list(run())
    assert_same(results(iter(kept)), results(run()))


def test_the_parameters_given_stay_as_they_are(graph):
    graph(True)
    X, Y = samples()
    params = NET.init(seed=3, like=X)
    before = [array.get() for array in tensors(params)]
    for _ in xpnet.steps(NET, params, epochs(X, Y), optimizer=optim.adam(0.1)):
        pass
    assert_same([[array.get() for array in tensors(params)]], [before])


def test_two_trainings_of_the_same_shapes_in_turns(graph):
    graph(True)
    alone = [results(run(optimizer=optim.sgd(rate))) for rate in (0.1, 0.5)]
    steps = [run(optimizer=optim.sgd(rate)) for rate in (0.1, 0.5)]
    turns = [results(iter(pair)) for pair in zip(*steps, strict=True)]
    for number, expected in enumerate(alone):
        assert_same([turn[number] for turn in turns], expected)


def test_batches_that_are_freed_after_their_step(graph):
    rng = np.random.default_rng(0)
    hosts = [rng.normal(size=(6, BATCH)).astype("float32") for _ in range(12)]
    Y = cupy.asarray(np.eye(3, dtype="float32")[rng.integers(3, size=BATCH)].T)
    params = NET.init(seed=3, like=Y)

    def trained(keep: Callable[[Any], object]) -> list[Any]:
        def batches() -> Iterator[Any]:
            for host in hosts:
                X = cupy.asarray(host)
                keep(X)
                yield X, Y

        return results(xpnet.steps(NET, params, batches(), optimizer=optim.adam(1e-2)))

    graph(True)
    kept: list[Any] = []
    assert_same(trained(lambda X: None), trained(kept.append))


@pytest.mark.parametrize("lay", [lambda a: a, lambda a: cupy.asarray(a.get(), order="F")])
@pytest.mark.parametrize("step", [1, 2])
def test_batches_however_they_lie(graph, lay, step):
    X, Y = samples()
    X, Y = lay(X.T)[:, ::step], lay(Y.T)[:, ::step]
    params = NET.init(seed=3, like=X)

    def trained() -> list[Any]:
        batches = [(X, Y)] * 5
        return results(xpnet.steps(NET, params, batches, optimizer=optim.adam(1e-2)))

    graph(True)
    ours = trained()
    graph(False)
    for step, expected in zip(ours, trained(), strict=True):
        for array, other in zip(step, expected, strict=True):
            np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("on", [False, True])
def test_inputs_that_are_their_own_targets_and_others_that_are_not(graph, on):
    net = xpnet.Network((6, 4, 6), output="identity")
    X, other = (samples(seed=seed)[0].T for seed in (0, 1))
    params = net.init(seed=3, like=X)
    batches = [(X, X), (X, X), (X, X), (X, other), (other, X)]

    def trained(pairs: list[Any]) -> list[Any]:
        return results(xpnet.steps(net, params, pairs, optimizer=optim.sgd(0.1)))

    graph(on)
    assert_same(trained(batches), trained([(X.copy("K"), Y.copy("K")) for X, Y in batches]))


def test_on_another_device_than_the_current_one(graph, second_cuda_device):
    def trained(device: int) -> list[Any]:
        with cupy.cuda.Device(device):
            steps = run()
        return results(steps)

    graph(True)
    there = trained(1)
    assert cupy.cuda.Device().id == 0
    assert_same(there, trained(0))


def test_on_another_stream(graph):
    graph(True)
    expected = results(run())
    with cupy.cuda.Stream(non_blocking=True) as stream:
        steps = list(run())
        stream.synchronize()
        assert_same(results(iter(steps)), expected)
