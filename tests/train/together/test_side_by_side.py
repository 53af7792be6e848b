"""Runs side by side: how many epochs are made at a time, in which parts, and what waits."""

from __future__ import annotations

import gc
import signal
from contextlib import nullcontext

import numpy as np
import pytest

from tests.train.together.cases import NET, SIZE, Ahead, M, assert_bits, loops
from xpnet import optim
from xpnet.data.batches import shuffled
from xpnet.train.arguments import Settings
from xpnet.train.epochs import EpochLoop
from xpnet.train.together import together
from xpnet.train.together.side_by_side import _parts, _Round
from xpnet.types import Run


def test_more_and_more_epochs_at_a_time_are_as_one_by_one(monkeypatch):
    """Not all at once, whatever time there is: it was measured of few epochs."""
    pytest.importorskip("numba")
    monkeypatch.setattr("xpnet.train.together.side_by_side.SECONDS", 1e9)
    # The second begins after the first.
    assert at_once_and_as_alone(limit=1) == [[1, 16, 6]] * 2


def test_the_first_parts_are_small():
    """So that the second thread does not wait for many to begin; those that go on are no such."""
    _, made, orders = loops(np, "adam")
    coming = [(k, (made[k % 3], [orders[0]])) for k in range(70)]
    parts = list(_parts(coming, 20))
    assert [len(part) for part in parts] == [1, 4, 24, 24, 17]
    assert [k for part in parts for k in part] == list(range(70))
    made[0].history.append({})
    going = [(k, (made[0], [orders[0]])) for k in range(30)]
    assert [len(part) for part in _parts(going, 20)] == [24, 6]


@pytest.mark.parametrize(("are_made", "expected"), [(False, [16, 7]), (True, [23])])
def test_those_that_begin_later_make_as_many_epochs_as_the_first_has_shown(
    are_made, expected, monkeypatch
):
    """Which is more where 16 epochs of the first are made when the second begins."""
    pytest.importorskip("numba")
    for limit in ("SECONDS", "ROUND"):
        monkeypatch.setattr(f"xpnet.train.together.side_by_side.{limit}", 1e9)
    monkeypatch.setattr("xpnet.train.together.side_by_side.MOST_ALIKE", 1)  # so that each is a part
    go_on = _Round.go_on

    def looked_at(some, *, waits=True):
        if waits or are_made:
            go_on(some)

    monkeypatch.setattr(_Round, "go_on", looked_at)
    assert at_once_and_as_alone() == [[1, 16, 6], expected]


def test_what_has_waited_for_threads_does_not_make_later_ones_short():
    _, (loop, *_), (batches, *_) = loops(np, "adam")
    some = _Round([], nullcontext, dict, nullcontext, nullcontext, ())
    for seconds in (8.0, 1.0, 4.0):
        some._lengthen({0: (loop, [batches])}, seconds)
    assert list(some.shown.values()) == [(1.0, 16)]


def at_once_and_as_alone(**options):
    """How many epochs two made at a time that may make many; they are as they are alone."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(M, 3)), np.eye(2)[rng.integers(0, 2, M)]
    weights = rng.random(M)[None, :]
    orders = [shuffled(X, Y, SIZE, 0, epoch, weights) for epoch in range(23)]

    def made(k):
        run, params = Run(NET, 23, -(-M // SIZE), M), NET.init(seed=k, like=X)
        return Ahead(run, params, (), Settings(optim.adam(0.01)), lambda params: {})

    beside, alone = ([made(k) for k in range(2)] for _ in range(2))
    together([loop.rounds(orders) for loop in beside], X, lambda k: nullcontext(), **options)
    for found, loop in zip(beside, alone, strict=True):
        expected = loop.fit(orders)
        costs = ([row["cost"] for row in of.history] for of in (found.result, expected))
        np.testing.assert_array_equal(*costs)
        assert_bits(found.result.params, expected.params)
    return [loop.at_once for loop in beside]


def test_one_that_is_watched_goes_beside_others_that_are_not(monkeypatch):
    """The others do not wait for it, though they begin as one part."""
    pytest.importorskip("numba")
    monkeypatch.setattr("xpnet.train.together.side_by_side.SECONDS", 1e9)
    monkeypatch.setattr("xpnet.train.together.side_by_side.FIRST", (3,))
    (X, made, orders), (_, alone, _) = (
        loops(np, "adam", classes=(Ahead, EpochLoop)) for _ in range(2)
    )
    rounds = [loop.rounds(orders[: loop.run.epochs]) for loop in made]
    together(rounds, X, lambda k: nullcontext())
    for found, loop in zip(made, alone, strict=True):
        assert_bits(found.result.params, loop.fit(orders).params)
    assert [loop.at_once for loop in made[::2]] == [[1, 2], [1, 2]]


class Interrupted(Ahead):
    """A Ctrl-C comes when its first epoch has been made."""

    def ahead(self):
        return 1

    def enter_prepared(self, epochs, made):
        super().enter_prepared(epochs, made)
        if len(self.at_once) == 1:
            signal.raise_signal(signal.SIGINT)


def test_a_signal_ends_a_round(monkeypatch):
    """Not all that there is time for."""
    pytest.importorskip("numba")
    monkeypatch.setattr("xpnet.train.together.side_by_side.ROUND", 1e9)
    X, made, orders = loops(np, "adam", classes=(Interrupted, Interrupted))
    with pytest.raises(KeyboardInterrupt):
        together([loop.rounds(orders) for loop in made], X, lambda k: nullcontext())
    assert [loop.at_once for loop in made] == [[1]] * 3


class Looking(Ahead):
    """Looks whether garbage is collected when its epochs have been made."""

    def enter_prepared(self, epochs, made):
        super().enter_prepared(epochs, made)
        self.collects = gc.isenabled()


def test_garbage_is_left_until_the_end_of_a_round():
    pytest.importorskip("numba")
    X, made, orders = loops(np, "adam", classes=(Looking, Looking))
    collects = []
    together(
        *([loop.rounds(orders) for loop in made], X, lambda k: nullcontext()),
        on_round=lambda going, waiting: collects.append(gc.isenabled()),
    )
    assert not any(loop.collects for loop in made)
    assert collects
    assert all(collects)
