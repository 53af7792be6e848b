"""Runs of steps as CUDA graphs, against the same steps launched kernel by kernel."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.fused.cases import OPTIMIZERS, by_kernels
from tests.standin.place import device_answers
from xpnet import optim
from xpnet.callbacks import Callback
from xpnet.data.batches import shuffled
from xpnet.fused.cupy.updates import FIELDS
from xpnet.kernels import VECTORIZED
from xpnet.train import epochs
from xpnet.types import TrainingSteps, tensors

cupy = pytest.importorskip("cupy")

from tests.fused.cupy.network.trainings import BATCH, NET, M, assert_same, samples  # noqa: E402

pytestmark = pytest.mark.usefixtures("cuda_device")

counting = pytest.mark.skipif(device_answers(), reason="the stand-in counts")

EPOCHS = 5
BATCHES = -(-M // BATCH)


def fitted(
    net: Any = NET, dtype: str = "float32", networks: int = 0, **settings: Any
) -> tuple[list[Any], Any]:
    """Parameters and costs of every epoch, on the host; and what `fit` returned."""
    X, Y = samples(dtype)
    params = net.init(seed=3, like=X)
    if networks:
        params = xpnet.stack([net.init(seed=seed, like=X) for seed in range(networks)])
    settings = {"optimizer": optim.adam(1e-2), "batch_size": BATCH, "seed": 2, **settings}
    found: list[Any] = []

    class Kept(Callback):
        def on_epoch(self, epoch: Any) -> None:
            cost = np.asarray(epoch.row["cost"])
            found.append([cost, *(array.get() for array in tensors(epoch.params))])

    result = xpnet.fit(net, params, X.T, Y.T, epochs=EPOCHS, callbacks=[Kept()], **settings)
    return found, result


@pytest.fixture
def runs(monkeypatch):
    """The number of steps of each run that is done, as they come."""
    done: list[int] = []
    run = epochs.Trainer.run

    def noted(self: Any, batches: Any, first: int, count: int) -> Any:
        costs = run(self, batches, first, count)
        if costs is not None:
            done.append(count)
        return costs

    monkeypatch.setattr(epochs.Trainer, "run", noted)
    return done


CASES: dict[str, dict[str, Any]] = {
    **{name: {"optimizer": optimizer} for name, optimizer in OPTIMIZERS.items()},
    "float64": {"dtype": "float64"},
    "decaying rate": {"optimizer": optim.adam(lambda t: 0.1 / t)},
    "clipped": {"optimizer": optim.clip(optim.adam(1e-2), 0.5)},
    "penalty": {"l2": 0.1},
    "dropout": {"dropout": 0.3},
    "all of it": {
        "optimizer": optim.clip(optim.adamw(lambda t: 0.1 / t), 0.5),
        "l2": 0.1,
        "dropout": 0.3,
    },
    "stack": {"networks": 3, "l2": 0.1, "dropout": 0.3},
    "one layer": {"net": xpnet.Network((6, 3), output="sigmoid")},
    "batches of one size": {"batch_size": 15},
    "a batch of one": {"batch_size": M - 1},
}


@pytest.mark.parametrize("case", CASES)
def test_every_epoch_is_that_of_the_launches(graph, runs, case):
    graph(False)
    launched, _ = fitted(**CASES[case])
    assert runs == []
    graph(True)
    ours, result = fitted(**CASES[case])
    by_runs = case not in OPTIMIZERS or case in by_kernels(FIELDS)
    assert sum(runs) == (result.steps if by_runs else 0)
    assert result.steps > 0
    assert_same(ours, launched)


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["step by step", "as long as may be"])
def test_however_long_a_run_is(graph, runs, monkeypatch, seconds):
    graph(False)
    launched, _ = fitted()
    monkeypatch.setattr(epochs, "SECONDS", seconds)
    graph(True)
    assert_same(fitted()[0], launched)
    assert max(runs) == (BATCHES if seconds else 1)


@counting
def test_a_run_is_a_copy_from_the_host_and_a_graph_for_each_step(graph, runs, monkeypatch):
    monkeypatch.setattr(epochs, "SECONDS", 1e9)
    graph(True)
    counts: list[Any] = []
    run = epochs.Trainer.run

    def counted(self: Any, *args: Any) -> Any:
        with cupy.counted() as found:
            costs = run(self, *args)
        counts.append(found)
        return costs

    monkeypatch.setattr(epochs.Trainer, "run", counted)
    fitted()
    last = counts[-1]
    assert runs[-1] == BATCHES
    assert last.launches == ["begin", *["graph"] * BATCHES]
    assert (len(last.copies), last.reads) == (1, [])
    assert len(last.allocations) == 2  # what is copied, and the costs


@counting
def test_a_run_returns_when_half_of_it_is_done(run):
    with cupy.cuda.Stream(non_blocking=True) as stream:
        params, moments, _ = run(*run.begin())
        stream.synchronize()
        run(params, moments)  # graphs alone
        assert len(stream.work) == BATCHES - (BATCHES // 2 + 1)
        stream.synchronize()


@counting
def test_a_size_of_batch_is_captured_at_its_second_coming(graph, monkeypatch):
    monkeypatch.setattr(epochs, "SECONDS", 0.0)
    graph(True)
    with cupy.counted() as counts:
        fitted()
    kinds = [name for name in counts.launches if name in ("graph", "draw")]
    # The first of the large ones and of the short ones are launched.
    large = ["draw", *["graph"] * (BATCHES - 2)]
    assert kinds == [*large, "draw", *["graph"] * (EPOCHS - 1) * BATCHES]


@pytest.fixture
def run():
    """``run(params, moments, order, **changes)``: as a trainer calls it."""
    from xpnet.fused.cupy import ACCELERATOR

    assert ACCELERATOR.graph_run is not None
    made = ACCELERATOR.graph_run(pytest.fail)  # steps are made of launches
    assert made is not None
    optimizer, (X, Y) = optim.adam(1e-2), samples()

    def called(params: Any, moments: Any, steps: int = BATCHES, **changes: Any) -> Any:
        batches = shuffled(X, Y, BATCH, 1, 0, None)._replace(**changes.pop("batches", {}))
        batches = batches._replace(order=batches.order[: steps * BATCH])
        numbers = [
            optimizer.hyperparameters(t) | changes.pop("numbers", {}) for t in range(1, steps + 1)
        ]
        settings = {
            "apply": optimizer.apply,
            "kernels": lambda: VECTORIZED,
            "l2": 0.0,
            "dropout": None,
        }
        return made(TrainingSteps(NET, params, moments, batches, numbers, **settings | changes))

    called.begin = lambda: (  # type: ignore[attr-defined]
        params := NET.init(seed=3, like=X),
        optimizer.init(params).moments,
    )
    return called


def test_parameters_that_a_caller_keeps_stay_as_they_are(run):
    kept = [run.begin()]
    before = [[array.get() for array in tensors(kept[0][0])]]
    for _ in range(20):
        params, moments, costs = run(*kept[-1])
        kept.append((params, moments))
        before.append([array.get() for array in tensors(params)])
        assert costs.shape == (BATCHES,)
    assert_same([[array.get() for array in tensors(params)] for params, _ in kept], before)


def test_a_loop_may_go_on_from_other_parameters_and_moments(run):
    params, moments = run.begin()
    first = run(params, moments)[2].get()
    again = run(params, run.begin()[1])[2].get()
    np.testing.assert_allclose(again, first, rtol=1e-6)


def other(**fields: Callable[[Any], Any]) -> dict[str, Any]:
    X, Y = samples()
    found = {"X": X, "Y": Y}
    return {"batches": {name: change(found.get(name)) for name, change in fields.items()}}


NOT_TAKEN: dict[str, Callable[[], dict[str, Any]]] = {
    "weights of another dtype": lambda: other(sample_weight=lambda _: cupy.ones((1, M))),
    "X of another dtype": lambda: other(X=lambda X: X.astype("float64")),
    "X on the host": lambda: other(X=lambda X: X.get()),
    "X by columns": lambda: other(X=lambda X: cupy.asarray(X.get(), order="F")),
    "X of another width": lambda: other(X=lambda X: X[:, :5].copy()),
    "samples of two networks": lambda: other(X=lambda X: cupy.stack([X, X])),
    "penalties of two networks": lambda: {"l2": cupy.full((2, 1, 1), 0.1, "float32")},
    "another apply": lambda: {"apply": lambda *args: None},
    "an array of the rate once": lambda: {"numbers": {"rate": cupy.full((1, 1), 0.1, "float32")}},
}


@pytest.mark.parametrize("case", NOT_TAKEN)
def test_what_is_left_to_steps(run, case):
    assert run(*run.begin(), **NOT_TAKEN[case]()) is None
    assert run(*run.begin()) is not None


def test_samples_of_another_device_are_left_to_steps(run, second_cuda_device):
    with cupy.cuda.Device(1):
        X, Y = samples()
    assert run(*run.begin(), batches={"X": X, "Y": Y}) is None


def test_weights_are_drawn_with_their_samples(graph, runs):
    weight = cupy.asarray(np.random.default_rng(4).random((1, M)), "float32") + 0.5
    graph(False)
    launched, _ = fitted(sample_weight=weight)
    assert runs == []
    graph(True)
    ours, result = fitted(sample_weight=weight)
    assert sum(runs) == result.steps
    assert_same(ours, launched)


@pytest.fixture
def products(monkeypatch):
    """``products(when)``: let products fail where that says so of their stream."""
    from xpnet.fused.cupy import blas

    call = blas.Products.__call__

    def failing(when: Callable[[Any], bool], error: BaseException) -> None:
        def own(self: Any, *args: Any) -> None:
            if when(cupy.cuda.get_current_stream()):
                raise error
            call(self, *args)

        monkeypatch.setattr(blas.Products, "__call__", own)

    return failing


def test_a_capture_that_fails_is_replaced_by_launches_with_one_warning(graph, runs, products):
    graph(False)
    launched, _ = fitted()
    graph(True)
    products(lambda stream: stream.is_capturing(), RuntimeError("status 15"))
    with pytest.warns(RuntimeWarning, match="cannot run as a CUDA graph.*status 15") as warned:
        ours, result = fitted()
    assert len(warned) == 1
    assert sum(runs) == result.steps
    assert_same(ours, launched)


def test_a_failure_before_any_graph_leaves_all_to_steps_with_warnings(graph, runs, products):
    graph(False)
    launched, _ = fitted()
    graph(True)
    products(lambda stream: True, RuntimeError("status 1"))
    with pytest.warns(RuntimeWarning) as warned:
        ours, _ = fitted()
    of_run, of_step = (str(warning.message) for warning in warned)
    assert "a run of steps could not begin: status 1" in of_run
    assert "cannot run as a CUDA graph" in of_step
    assert runs == []
    assert_same(ours, launched)


def test_ctrl_c_within_a_capture(graph, products):
    graph(True)
    products(lambda stream: stream.is_capturing(), KeyboardInterrupt())
    _, result = fitted()
    assert result.stopped == "interrupted"
    assert all(np.isfinite(array.get()).all() for array in tensors(result.params))


def test_all_of_it_goes_with_the_training(graph, monkeypatch):
    from xpnet.fused.cupy import blas
    from xpnet.fused.cupy.network import graph as graphs
    from xpnet.fused.cupy.network import run as graph_runs

    made: list[Any] = []
    for owner in (blas.Products, graphs.Captured, graphs.Capture, graph_runs._RunLoop):
        init = owner.__init__

        def remembered(self: Any, *args: Any, init: Any = init) -> None:
            made.append(weakref.ref(self))
            init(self, *args)

        monkeypatch.setattr(owner, "__init__", remembered)
    graph(True)
    gc.collect()
    gc.disable()
    try:
        fitted()
        assert len(made) == 5  # products, capture, the loop, and either size of batch
        assert [reference() for reference in made] == [None] * 5
    finally:
        gc.enable()


def test_a_long_run_of_a_large_grid(graph):
    rng = np.random.default_rng(0)
    X = cupy.asarray(rng.normal(size=(3_000, 40)), "float32")
    Y = cupy.asarray(np.eye(3, dtype="float32")[rng.integers(3, size=len(X))])
    net = xpnet.Network((40, 5, 3))
    params = net.init(seed=0, like=X)
    found = []
    for on in (False, True):
        graph(on)
        settings = {"optimizer": optim.adam(1e-2), "batch_size": 1_024, "epochs": 2, "seed": 0}
        result = xpnet.fit(net, params, X.T, Y.T, **settings)
        found.append([[array.get() for array in tensors(result.params)]])
    assert_same(*found)
