"""Blocks of a batch on NumPy arrays: whoever makes them, the results are the same to the bit."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS
from tests.fused.numba.network.test_run import (
    assert_equal,
    assert_the_same,
    samples,
    trained,
)
from tests.train.cases import Heard
from xpnet import VECTORIZED, value_and_grad
from xpnet.backend import leaves
from xpnet.data.batches import shuffled
from xpnet.fused.numba.network import loop, step
from xpnet.fused.numba.network.batch import PIECE, ROWS_OF_PIECE
from xpnet.fused.numba.network.trainings import side_by_side
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.products.matmul import tile_rows
from xpnet.fused.numba.threads import team, trial
from xpnet.fused.numba.threads.blocks import block_of, blocks_in
from xpnet.fused.numba.threads.team import Team
from xpnet.fused.numba.threads.workers import on_workers
from xpnet.train.arguments import Settings
from xpnet.train.steps import Trainer

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)

SIZES, M, BATCH_SIZE = (300, 90, 40, 3), 500, 205  # two batches, and one of 90


def made_by(monkeypatch, workers):
    """Let so many workers make all runs from now on; how many each of these had."""
    counts = []

    class Chosen(Team):
        def most(self, m):
            return workers

        def parts(self, steps, m):
            yield slice(0, steps), workers

    def noted(number, make):
        counts.append(number)
        on_workers(number, make)

    monkeypatch.setattr(step, "Team", Chosen)
    monkeypatch.setattr(loop, "on_workers", noted)
    return counts


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "adamw"])
def test_any_number_of_workers(name, dtype, monkeypatch):
    results, data = [], samples(SIZES, m=M, dtype=dtype)
    for workers in (1, 2, 3):
        counts = made_by(monkeypatch, workers)
        settings = {"optimizer": OPTIMIZERS[name], "batch_size": BATCH_SIZE}
        results.append(trained(*data, **settings))
        results.append(trained(*data, callbacks=[Heard()], **settings))
        assert set(counts) == {workers} - {1}
    for result in results[1:]:
        assert_equal(result, results[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.4, "seed": 2},
        {"l2": 0.3},
        {"sample_weight": 10.0 ** np.linspace(-6, 6, M)[None]},
        {"batch_size": 250, "optimizer": OPTIMIZERS["adamw"]},
    ],
    ids=["dropout", "penalty", "weights", "adamw"],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_steps_one_by_one(workers, settings, monkeypatch):
    made_by(monkeypatch, workers)
    assert_the_same(*samples(SIZES, m=M), **{"batch_size": BATCH_SIZE, **settings})


@pytest.mark.parametrize("workers", [1, 3, 4])
def test_many_blocks_and_a_short_last_one(workers, monkeypatch):
    """In double precision, in which costs show the order of their sum."""
    made_by(monkeypatch, workers)
    data = samples((40, 60, 3), m=700, dtype="float64")
    assert blocks_in(333, block_of((40, 60, 3), 333)) == 6
    assert_the_same(*data, batch_size=333, epochs=20, l2=0.1, optimizer=OPTIMIZERS["adamw"])


def test_more_workers_than_blocks_and_rows(monkeypatch):
    made_by(monkeypatch, 4)
    assert_the_same(*samples((300, 90, 3), m=60), batch_size=20)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dropout": 0.4, "seed": 2, "l2": 0.3},
        {"sample_weight": np.random.default_rng(3).random((1, M))},
    ],
    ids=["plain", "dropout and penalty", "weights"],
)
def test_the_kernels_as_they_are_written(settings):
    data = samples(SIZES, m=M, dtype="float64")
    settings = {"batch_size": BATCH_SIZE, **settings}
    result, expected = trained(*data, **settings), trained(*data, kernels=VECTORIZED, **settings)
    for layer, other in zip(result.params, expected.params, strict=True):
        np.testing.assert_allclose(layer.W, other.W, rtol=1e-9, atol=1e-9)
    costs = [[row["cost"] for row in each.history] for each in (result, expected)]
    np.testing.assert_allclose(*costs, rtol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "m", "length"),
    [
        ((64, 32, 10), 16, 64),
        ((64, 32, 10), 64, 64),
        ((64, 64), 128, 32),  # as little as workers may have
        ((64, 32, 10), 128, 64),
        ((784, 128, 10), 32, 16),
        ((784, 128, 10), 128, 32),
        ((784, 128, 10), 200, 32),
        ((784, 512, 256, 10), 1024, 64),
    ],
)
def test_shapes_alone_say_how_long_blocks_are(sizes, m, length):
    assert block_of(sizes, m) == length


def test_a_step_by_more_workers_than_the_one_before_has_room_for_them(monkeypatch):
    number, entered, enter = [1], [], loop.Room.enter

    class Chosen(Team):
        def most(self, m):
            return number[0]

        def parts(self, steps, m):
            yield slice(0, steps), number[0]

    def noted(room, rows, like, workers):
        entered.append(workers)
        enter(room, rows, like, workers)

    monkeypatch.setattr(step, "Team", Chosen)
    monkeypatch.setattr(loop.Room, "enter", noted)
    net, params, X, Y = samples(SIZES, m=BATCH_SIZE)
    gradient = step.compiled_value_and_grad(value_and_grad)
    J, grads = gradient(net, params, X, Y)
    number[0] = 3
    other_J, others = gradient(net, params, X, Y)
    assert entered == [1, 3]
    assert other_J == J
    for array, other in zip(leaves(grads), leaves(others), strict=True):
        np.testing.assert_array_equal(other, array)


@pytest.fixture
def fences(monkeypatch):
    """What lies behind each array of a room: numbers that nobody may write, nor use."""
    behind = []

    def fenced(room, name, length, dtype, make=np.empty):
        array = make(3 * length + 64, dtype)
        array[:] = np.nan
        behind.append(array[length:])
        return array[:length]

    monkeypatch.setattr(loop.Room, "_array", fenced)
    return behind


@pytest.mark.parametrize(
    ("sizes", "m", "batch_size", "workers"),
    [
        (SIZES, M, BATCH_SIZE, 1),
        (SIZES, M, BATCH_SIZE, 3),
        ((5, 3), 90, 40, 1),
        ((9000, 13, 2), 20, 12, 1),
    ],
    ids=["blocks", "workers", "thin", "wide rows"],
)
def test_steps_stay_in_their_room(sizes, m, batch_size, workers, fences, monkeypatch, rng):
    made_by(monkeypatch, workers)
    settings = {"batch_size": batch_size, "l2": 0.1, "sample_weight": rng.random((1, m))}
    for callbacks in ([], [Heard()]):
        result = trained(*samples(sizes, m=m), epochs=2, callbacks=callbacks, **settings)
        assert np.isfinite([row["cost"] for row in result.history]).all()
    assert all(np.isnan(fence).all() for fence in fences)
    assert len(fences) > 3


@pytest.mark.parametrize("sizes", [(5, 4, 3), (300, 50, 3), (5000, 100, 3), (300, 140, 3)], ids=str)
def test_a_group_stays_in_its_room(sizes, fences):
    """Its networks find all blocks of a batch where the first has gathered them.

    Of many inputs, most of which are 0, narrow layers of three have their products together, and of
    very many a piece of dW is no whole strip.
    """
    net, params, X, Y = samples(sizes, m=230)
    if sizes[0] > 5:
        X *= np.random.default_rng(0).random(X.shape) < 0.2
    batches = shuffled(np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T), 90, 0, 0, None)
    known, settings = {}, Settings(OPTIMIZERS["adam"], l2=0.1)
    runs = [Trainer(net, params, settings, fixed=True).prepared([batches], 3, known) for _ in "abc"]
    with side_by_side() as make, make() as submit:
        submit(runs)
    assert all(np.isfinite(made.result()[2]).all() for made in runs)
    assert all(np.isnan(fence).all() for fence in fences)
    assert len(fences) > 3


@pytest.mark.parametrize(("n_in", "rows"), [(20_000, PIECE // 20_000), (1000, ROWS_OF_PIECE)])
def test_gradients_are_made_of_as_many_whole_tiles_as_there_is_room_for(n_in, rows, monkeypatch):
    made_by(monkeypatch, 1)
    pieces, array_of = np.full(PIECE, np.nan, "float32"), loop.Room._array
    monkeypatch.setattr(
        loop.Room, "_array", lambda *size: pieces if size[1] == "pieces" else array_of(*size)
    )
    trained(*samples((n_in, rows + 8, 2), m=18), batch_size=9, epochs=1)
    rows -= rows % rows_of_a_tile(pieces)
    assert np.isfinite(pieces).sum() == rows * n_in


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_many_rows_are_made_of_some_columns_at_a_time(dtype):
    """Of 700 inputs and 300 samples: neither is a multiple of what is multiplied at once."""
    net, params, *columns = samples((700, 140, 2), m=300, dtype=dtype)
    X, Y = map(np.asfortranarray, columns)
    J, grads = step.compiled_value_and_grad(value_and_grad)(net, params, X, Y)
    expected_J, expected = value_and_grad(net, params, X, Y, kernels=VECTORIZED)
    tolerance = {"float32": 1e-4, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(J, expected_J, rtol=tolerance)
    for layer, other in zip(grads, expected, strict=True):
        np.testing.assert_allclose(layer.W, other.W, rtol=tolerance, atol=tolerance * 0.01)
        np.testing.assert_allclose(layer.b, other.b, rtol=tolerance, atol=tolerance * 0.01)


def test_no_more_workers_than_there_is_room_for(monkeypatch):
    """The BLAS may be given more threads between the choice of both."""
    counts = made_by(monkeypatch, 3)
    monkeypatch.setattr(step.Team, "most", lambda team, m: 1)
    step.compiled_value_and_grad(value_and_grad)(*samples(SIZES, m=BATCH_SIZE))
    assert counts == []


def test_a_room_of_one_dtype_is_none_of_another():
    room = loop.Room()
    for dtype in map(np.dtype, ("float32", "float64")):
        assert room._array("x", 8, dtype).dtype == dtype


@numba.njit
def rows_of_a_tile(like):
    return tile_rows(like)


def test_real_workers_are_chosen(monkeypatch):
    """A training alone on two cores has them from its second run on, in which they are tried.

    A clock that goes on by a chunk whenever it is read makes each step one, however fast it is.
    """
    ticks = count(step=trial.CHUNK)
    monkeypatch.setattr(trial, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    counts = made_by(monkeypatch, 1)
    monkeypatch.setattr(step, "Team", Team)
    monkeypatch.setattr(trial, "_trials", {})
    monkeypatch.setattr(team, "is_alone", lambda: True)  # pytest-xdist has threads
    monkeypatch.setattr(team, "all_threads", lambda: 2)
    trained(*samples((784, 128, 10), m=1024), batch_size=256, epochs=2)
    assert set(counts) == {2}
