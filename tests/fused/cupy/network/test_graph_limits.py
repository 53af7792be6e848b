"""What no graph takes, and graphs that fail or end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.standin.place import device_answers
from xpnet import optim

cupy = pytest.importorskip("cupy")

from tests.fused.cupy.network.trainings import (  # noqa: E402
    BATCH,
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

NOT_TAKEN: dict[str, Callable[[], Iterator[Any]]] = {
    "loops over scalars": lambda: run(kernels=xpnet.LOOPED),
    "plain kernels": lambda: run(kernels=xpnet.VECTORIZED),
    "gradients of the caller's own": lambda: run(value_and_grad=xpnet.value_and_grad),
}


@counting
@pytest.mark.parametrize("case", NOT_TAKEN)
def test_what_is_left_to_launches(graph, case):
    graph(True)
    with cupy.counted() as counts:
        for _, _ in zip(range(3), NOT_TAKEN[case](), strict=False):
            pass
    assert "graph" not in counts.launches


@pytest.mark.parametrize("on", [False, True])
def test_a_penalty_that_is_written_to_between_steps(graph, on):
    def trained(**settings: Any) -> list[Any]:
        l2 = cupy.asarray([1.0, 2.0], "float32")[:, None, None]
        found = []
        for step in run(networks=2, l2=l2, optimizer=optim.sgd(0.1), **settings):
            l2 *= 0.5
            found.append(step)
        return results(iter(found))

    graph(on)
    for step, expected in zip(trained(), trained(kernels=xpnet.VECTORIZED), strict=True):
        for array, other in zip(step, expected, strict=True):
            np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-5)


@counting
@pytest.mark.parametrize("least", [BATCH * 9 - 1, BATCH * 9])
def test_large_batches_are_left_to_launches(graph, monkeypatch, least):
    from xpnet.fused.cupy.network import graph as graphs

    monkeypatch.setattr(graphs, "MOST_ENTRIES", least)
    graph(True)
    steps = run()
    next(steps)
    assert ("graph" in launches_of(steps)) == (least == BATCH * 9)


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
    from xpnet.fused.cupy.network import graph as graphs

    made: list[Any] = []
    for owner in (blas.Products, graphs._GraphPlan, graphs.Capture):
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
