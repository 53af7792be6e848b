"""Training steps as CUDA graphs, against the same steps launched kernel by kernel."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.fused.cases import OPTIMIZERS
from tests.standin.place import device_answers
from xpnet import data, optim
from xpnet.fused.cupy.driver import by_value
from xpnet.fused.cupy.source import WORDS
from xpnet.types import tensors

cupy = pytest.importorskip("cupy")

pytestmark = pytest.mark.usefixtures("cuda_device")

counting = pytest.mark.skipif(device_answers(), reason="the stand-in counts")

NET = xpnet.Network((6, 9, 7, 3), hidden=("relu", "gelu"), output="softmax")
M, BATCH = 45, 16  # the last of three batches is short
EPOCHS = 3  # in the first, the first batch of either size is launched, and later ones are captured


@pytest.fixture
def graph(monkeypatch) -> Callable[[bool], None]:
    """``graph(True)``: steps that begin from here on run as graphs."""
    return lambda on: monkeypatch.setenv("XPNET_CUDA_GRAPH", str(int(on)))


def samples(dtype: str = "float32", seed: int = 0) -> tuple[Any, Any]:
    """Samples and their targets as rows on the device."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(M, 6)).astype(dtype)
    Y = np.eye(3, dtype=dtype)[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
    return cupy.asarray(X), cupy.asarray(Y)


def epochs(X: Any, Y: Any, **options: Any) -> Iterator[Any]:
    for epoch in range(EPOCHS):
        yield from data.batches(X, Y, batch_size=BATCH, seed=1, epoch=epoch, **options)


def run(
    net: Any = NET,
    dtype: str = "float32",
    networks: int = 0,
    weighted: bool = False,
    optimizer: Any = None,
    **settings: Any,
) -> Iterator[Any]:
    """The steps of a training."""
    X, Y = samples(dtype)
    params = net.init(seed=3, like=X)
    if networks:
        params = xpnet.stack([net.init(seed=seed, like=X) for seed in range(networks)])
    rng = np.random.default_rng(4)
    weight = cupy.asarray(rng.random(M).astype(dtype) + 0.5) if weighted else None
    batches = epochs(X, Y, sample_weight=weight)
    optimizer = optim.adam(1e-2) if optimizer is None else optimizer
    return xpnet.steps(net, params, batches, optimizer=optimizer, **settings)


def results(steps: Iterator[Any]) -> list[Any]:
    """Cost and parameters of each step, on the host."""
    return [[array.get() for array in (step.cost, *tensors(step.params))] for step in steps]


def assert_same(ours: list[Any], theirs: list[Any]) -> None:
    """The same numbers; on a device, as far as cuBLAS adds up in the same order."""
    assert len(ours) == len(theirs) > 0
    for step, expected in zip(ours, theirs, strict=True):
        for array, other in zip(step, expected, strict=True):
            assert array.dtype == other.dtype
            if device_answers():
                digits = 1e-3 if array.dtype == np.float32 else 1e-9
                np.testing.assert_allclose(array, other, rtol=digits, atol=digits)
            else:
                np.testing.assert_array_equal(array, other)


def launches_of(steps: Iterator[Any]) -> list[str]:
    """What one more step launches."""
    with cupy.counted() as counts:
        next(steps)
    return counts.launches


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


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_that_of_the_launches(graph, case):
    graph(False)
    launched = results(run(**CASES[case]))
    graph(True)
    assert_same(results(run(**CASES[case])), launched)


@counting
@pytest.mark.parametrize("case", CASES)
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


NOT_TAKEN: dict[str, Callable[[], Iterator[Any]]] = {
    "loops over scalars": lambda: run(kernels=xpnet.LOOPED),
    "plain kernels": lambda: run(kernels=xpnet.VECTORIZED),
    "gradients of the caller's own": lambda: run(value_and_grad=xpnet.value_and_grad),
    "a rate for each network": lambda: run(
        networks=2, optimizer=optim.adam(np.asarray([1e-2, 1e-3], "float32")[:, None, None])
    ),
}


@counting
@pytest.mark.parametrize("case", NOT_TAKEN)
def test_what_is_left_to_launches(graph, case):
    graph(True)
    with cupy.counted() as counts:
        for _, _ in zip(range(3), NOT_TAKEN[case](), strict=False):
            pass
    assert "graph" not in counts.launches


@counting
@pytest.mark.parametrize("least", [BATCH * 9 - 1, BATCH * 9])
def test_large_batches_are_left_to_launches(graph, monkeypatch, least):
    from xpnet.fused.cupy import graph as graphs

    monkeypatch.setattr(graphs, "MOST_ENTRIES", least)
    graph(True)
    steps = run()
    next(steps)
    assert ("graph" in launches_of(steps)) == (least == BATCH * 9)


@counting
def test_batches_of_each_networks_own_are_left_to_launches(graph):
    X, Y = samples()
    params = xpnet.stack([NET.init(seed=seed, like=X) for seed in range(2)])
    batches = [(cupy.stack([X.T, X.T]), cupy.stack([Y.T, Y.T]))] * 3
    graph(True)
    with cupy.counted() as counts:
        list(xpnet.steps(NET, params, batches, optimizer=optim.sgd(0.1)))
    assert "graph" not in counts.launches


def test_an_error_of_the_batches_midway(graph):
    def broken() -> Iterator[Any]:
        yield from list(epochs(*samples()))[:4]
        raise OSError("no more")

    graph(True)
    params = NET.init(seed=3, like=samples()[0])
    steps = xpnet.steps(NET, params, broken(), optimizer=optim.adam(1e-2))
    done = []
    with pytest.raises(OSError, match="no more"):
        done.extend(steps)
    assert_same(results(iter(done)), results(run())[:4])


@pytest.fixture
def products(monkeypatch):
    """``products(error)``: let products raise it while they are captured, and see the streams."""
    from xpnet.fused.cupy import blas

    streams: list[Any] = []
    call = blas.Products.__call__

    def failing(error: BaseException) -> list[Any]:
        def own(self: Any, *args: Any) -> None:
            stream = cupy.cuda.get_current_stream()
            if stream.is_capturing():
                streams.append(stream)
                raise error
            call(self, *args)

        monkeypatch.setattr(blas.Products, "__call__", own)
        return streams

    return failing


def test_a_capture_that_fails_is_replaced_by_launches_with_one_warning(graph, products):
    graph(False)
    expected = results(run())
    graph(True)
    tries = products(RuntimeError("cuBLAS answers with status 15"))
    with pytest.warns(RuntimeWarning, match="cannot run as a CUDA graph.*status 15") as warned:
        ours = results(run())
    assert len(warned) == len(tries) == 1
    assert_same(ours, expected)


def test_ctrl_c_within_a_capture(graph, products):
    graph(True)
    streams = products(KeyboardInterrupt())
    steps = run()
    first = next(steps)
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    assert [stream.is_capturing() for stream in streams] == [False]
    assert np.isfinite(first.params[0].W.get()).all()


def test_without_cublas_to_be_found(graph, monkeypatch):
    from xpnet.fused.cupy import blas

    graph(False)
    expected = results(run())
    graph(True)
    monkeypatch.setattr(blas, "_library", lambda: cupy.no_such_library)
    with pytest.warns(RuntimeWarning, match="cannot run as a CUDA graph.*no_such_library"):
        ours = results(run())
    assert_same(ours, expected)


def test_all_of_it_goes_with_the_training(graph, monkeypatch):
    from xpnet.fused.cupy import blas
    from xpnet.fused.cupy import graph as graphs

    made: list[Any] = []
    for owner in (blas.Products, graphs._GraphPlan, graphs._Capture):
        init = owner.__init__

        def remembered(self: Any, *args: Any, init: Any = init) -> None:
            made.append(weakref.ref(self))
            init(self, *args)

        monkeypatch.setattr(owner, "__init__", remembered)
    graph(True)
    steps = run()
    for _ in range(6):
        next(steps)
    assert len(made) == 4  # products, capture, and a plan for either size of batch
    gc.collect()
    gc.disable()
    try:
        del steps
        assert [reference() for reference in made] == [None] * 4
    finally:
        gc.enable()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_feed_copies_what_lies_anyhow(device, dtype, rng):
    m = 5
    hosts = [rng.normal(size=shape) for shape in ((4, m), (m, 3), (1, m))]
    X, Y, s = (device.asarray(host, dtype) for host in hosts)
    to = [device.asarray(np.full((m, n), np.nan), dtype) for n in (4, 3, 1)]
    there = device.asarray(np.zeros(WORDS), "float64")
    words = rng.integers(-(2**62), 2**62, WORDS)
    of_X, of_Y, of_s = (X, m, 1, 4, to[0]), (Y, 1, 3, 3, to[1]), (s, m, 1, 1, to[2])
    address = np.asarray(device.driver.address(there), np.int64)
    args = (*of_X, *of_Y, *of_s, m, by_value(words), by_value(address))
    device.driver.launch("feed", np.dtype(dtype), (2, 1), (32, 1), args)
    for array, expected in zip(to, (hosts[0].T, hosts[1], hosts[2].T), strict=True):
        assert (device.to_numpy(array) == expected.astype(dtype)).all()
    assert (device.to_numpy(there).view(np.int64) == words).all()
