"""Runs of many trainings at once: the BLAS has its threads again afterwards."""

from __future__ import annotations

import signal
import sys
import threading
import weakref
from contextlib import contextmanager, nullcontext
from unittest import mock

import numpy as np
import pytest

from xpnet import Network, optim
from xpnet.data.batches import shuffled
from xpnet.fused import numba as fused_numba
from xpnet.fused.numba.network import loop, trainings
from xpnet.fused.numba.network.loop import of_thread
from xpnet.fused.numba.products.blas import number_of_threads
from xpnet.train.arguments import Settings
from xpnet.train.steps import Trainer


@pytest.fixture
def blas(monkeypatch):
    """The number of threads of a BLAS with three, in a list."""
    number = [3]
    both = lambda: number[0], lambda to: number.__setitem__(0, to)
    monkeypatch.setattr(trainings, "number_of_threads", lambda: both)
    return number


def test_the_number_of_threads_is_as_it_was_when_the_last_one_leaves(blas):
    first, second = trainings.one_each(), trainings.one_each()
    first.__enter__()
    second.__enter__()
    assert trainings._number() == 3
    first.__exit__(None, None, None)
    assert blas == [1]
    second.__exit__(None, None, None)
    assert blas == [3]


@pytest.mark.parametrize("when", [1, 3], ids=["on the way in", "on the way out"])
def test_ctrl_c_leaves_the_number_of_threads_as_it_was(when, monkeypatch):
    number = [3]

    def set_(to):
        number[0] = to
        if to == when:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trainings, "number_of_threads", lambda: (lambda: number[0], set_))
    before = sys.getswitchinterval()
    with pytest.raises(KeyboardInterrupt), trainings.one_each():
        assert number == [1]
    assert number == [3]
    assert sys.getswitchinterval() == before


def test_threads_soon_have_their_turn_until_the_last_one_leaves(blas):
    before = sys.getswitchinterval()
    first, second = trainings.one_each(), trainings.one_each()
    with second:
        with first:
            assert sys.getswitchinterval() == pytest.approx(trainings.SWITCH)
        assert sys.getswitchinterval() == pytest.approx(trainings.SWITCH)
    assert sys.getswitchinterval() == before


@pytest.mark.parametrize("soon", [0, trainings.SOON], ids=["on threads", "here"])
def test_more_trainings_than_threads_and_those_that_are_soon_made_here(soon, blas, monkeypatch):
    """To wake a thread would take longer than to make such few."""
    monkeypatch.setattr(trainings, "SOON", soon)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)), np.eye(2)[rng.integers(0, 2, 12)]
    batches = shuffled(X, Y, 5, 0, 0, None)
    net, settings = Network((3, 4, 2), output="softmax"), Settings(optim.adam(0.1))
    starts = [net.init(k, like=X) for k in range(7)]
    trainers = [Trainer(net, start, settings, fixed=True) for start in starts]
    names, made = set(), trainings._make

    def make(calls):
        names.add(threading.current_thread().name)
        assert blas == [1]
        made(calls)

    monkeypatch.setattr(trainings, "_make", make)
    runs = [trainer.prepared([batches], 3, {}) for trainer in trainers]
    with trainings.side_by_side() as make, make() as submit:
        submit(runs)
    assert names
    assert (threading.current_thread().name in names) == bool(soon)
    assert not soon or len(names) == 1
    for trainer, run in zip(trainers, runs, strict=True):
        costs = trainer.run(batches, 0, 3)
        np.testing.assert_array_equal(run.result()[2], costs)
        for found, expected in zip(run.result()[0], trainer.params, strict=True):
            np.testing.assert_array_equal(found.W, expected.W)


@pytest.mark.parametrize(
    ("hidden", "sizes", "m", "size"),
    [
        ("relu", (5, 4, 6, 3), 23, 9),
        ("gelu", (64, 2, 3), 23, 9),
        ("relu", (5, 4, 3), 230, 90),
        ("relu", (500, 18, 3), 230, 90),
        ("gelu", (500, 40, 3), 230, 90),
        ("relu", (200, 6, 3), 230, 90),
        ("gelu", (200, 6, 3), 230, 90),
    ],
)
def test_a_group_leaves_what_each_leaves_alone(hidden, sizes, m, size, monkeypatch):
    """Of an activation whose derivative needs A, and of one whose needs Z.

    The second is so narrow that OpenBLAS adds up in another order where samples are columns. The
    third has batches of two blocks, which all networks find where the first has gathered them. The
    others have one product for all: of samples with many zeros, which it leaves out, or of few
    units.
    """
    monkeypatch.setattr(trainings, "NETWORKS", 3)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(m, sizes[0])), np.eye(3)[rng.integers(0, 3, m)]
    if sizes[0] == 500:
        X *= rng.random(X.shape) < 0.2
    epochs = [shuffled(X, Y, size, 0, epoch, None) for epoch in range(3)]
    net = Network(sizes, hidden=hidden, output="softmax")
    settings = [
        Settings(optim.adam(10.0**-k), l2=0.1 * k, dropout=0.1 * k, seed=k) for k in range(6)
    ]
    starts = [net.init(k, like=X) for k in range(6)]
    some, others = (
        [Trainer(net, *each, fixed=True) for each in zip(starts, settings, strict=True)]
        for _ in range(2)
    )
    known = {}
    runs = [trainer.prepared(epochs, 3, known) for trainer in some]
    groups = trainings.groups_of([run.arguments for run in runs])
    assert [len(group) for group in groups] == [3, 3]
    with mock.patch.object(loop, "of_first_layer", side_effect=loop.of_first_layer) as joined:
        with trainings.side_by_side() as make, make() as submit:
            submit(runs)
        assert {call.args[1] for call in joined.mock_calls} == (
            {sizes[0] == 500} if sizes[0] > 64 else set()
        )
    for run, trainer in zip(runs, others, strict=True):
        costs = np.concatenate([trainer.run(each, 0, 3) for each in epochs])
        np.testing.assert_array_equal(run.result()[2], costs)
        for found, expected in zip(run.result()[0], trainer.params, strict=True):
            np.testing.assert_array_equal(found.W, expected.W)
            np.testing.assert_array_equal(found.b, expected.b)


def test_what_differs_is_no_group():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)), np.eye(2)[rng.integers(0, 2, 12)]
    net, wider = (Network((3, n, 2), output="softmax") for n in (4, 5))
    first, second = (shuffled(X, Y, 5, seed, 0, None) for seed in (0, 1))
    others = [{"X": X + 1}, {"Y": Y[::-1].copy()}, {"size": 4}]
    others += [{"sample_weight": rng.random((1, 12))} for _ in range(2)]
    known = {}
    runs = [
        Trainer(each, each.init(0, like=X), Settings(optimizer), fixed=True).prepared(
            [batches], 3, known
        )
        for each, optimizer, batches in [
            (net, optim.adam(0.1), first),
            (wider, optim.adam(0.1), first),
            (net, optim.sgd(0.1), first),
            (net, optim.adam(0.1), second),
            (net, optim.adam(0.2), first),
            *((net, optim.adam(0.1), first._replace(**other)) for other in others),
        ]
    ]
    groups = trainings.groups_of([run.arguments for run in runs])
    assert sorted(map(len, groups)) == [1] * 8 + [2]


def test_an_error_that_nobody_waited_for_is_raised_in_the_end(monkeypatch):
    def fail(group):
        raise ZeroDivisionError

    monkeypatch.setattr(trainings, "_make", fail)
    monkeypatch.setattr(trainings, "groups_of", lambda calls: [calls])
    monkeypatch.setattr(trainings, "_work", lambda group: trainings.SOON)
    with pytest.raises(ZeroDivisionError), trainings.side_by_side() as make, make() as submit:
        submit([])


def test_a_fit_beside_others_leaves_the_blas_its_threads(monkeypatch):
    """A logistic regression gives it one thread only where nobody else computes."""
    given = []

    def noted():
        given.append(True)
        return nullcontext()

    monkeypatch.setattr(fused_numba, "one_each", noted)
    net = Network((20, 3))
    for alone in (True, False):
        monkeypatch.setattr(fused_numba, "is_alone", lambda alone=alone: alone)
        with fused_numba.ACCELERATOR.without_threads(net):
            pass
    assert given == [True]


def test_an_interrupt_on_the_way_out_leaves_all_threads(monkeypatch):
    """Also one that comes before it is deferred."""
    get, _ = number_of_threads()
    before = get()

    @contextmanager
    def interrupted():
        raise KeyboardInterrupt
        yield

    context = trainings.one_each()
    context.__enter__()
    assert get() == 1
    monkeypatch.setattr(trainings, "deferred_signals", interrupted)
    with pytest.raises(KeyboardInterrupt):
        context.__exit__(None, None, None)
    assert get() == before


def test_the_room_that_costs_were_computed_in_is_given_back():
    """The thread may stay for as long as the program."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)), np.eye(2)[rng.integers(0, 2, 12)]
    batches = shuffled(X, Y, 5, 0, 0, None)
    net = Network((3, 4, 2), output="softmax")
    trainer = Trainer(net, net.init(0, like=X), Settings(optim.adam(0.1)), fixed=True)
    with trainings.side_by_side():
        trainer.prepared([batches], 3, {})
        assert np.isfinite(trainer.cost(trainer.params, batches, 0))
        arrays = [weakref.ref(array) for array in of_thread.room.arrays.values()]
    assert arrays
    assert not any(array() is not None for array in arrays)


def test_what_is_known_of_steps_is_of_their_numbers_and_of_an_order_while_it_lasts():
    """Another order might come to lie where one was that is gone."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)), np.eye(2)[rng.integers(0, 2, 12)]
    net, settings = Network((3, 4, 2), output="softmax"), Settings(optim.adam(0.1))
    first, later, expected = (
        Trainer(net, net.init(0, like=X), settings, fixed=True) for _ in range(3)
    )
    batches = shuffled(X, Y, 5, 0, 0, None)
    for each in (later, expected):
        each.run(batches, 0, 3)
    known = {}
    runs = [each.prepared([batches], 3, known) for each in (first, later)]
    with trainings.side_by_side() as make, make() as submit:
        submit(runs)
    costs = expected.run(batches, 0, 3)
    np.testing.assert_array_equal(runs[1].result()[2], costs)
    np.testing.assert_array_equal(runs[1].result()[0][0].W, expected.params[0].W)
    order = weakref.ref(batches.order)
    del batches
    assert order() is not None
    known.clear()
    assert order() is None


def test_folds_of_one_size_share_an_order():
    rng = np.random.default_rng(0)
    net, settings = Network((3, 4, 2), output="softmax"), Settings(optim.adam(0.1))
    folds = [(rng.normal(size=(12, 3)), np.eye(2)[rng.integers(0, 2, 12)]) for _ in range(2)]
    one = shuffled(*folds[0], 5, 0, 0, None)
    batches = [one._replace(X=X, Y=Y) for X, Y in folds]
    trainers = [Trainer(net, net.init(0, like=X), settings, fixed=True) for X, _ in folds]
    known = {}
    runs = [
        trainer.prepared([each], 3, known) for trainer, each in zip(trainers, batches, strict=True)
    ]
    (_, _, first), (_, _, second) = (run.arguments for run in runs)
    assert first["order"] is second["order"]
    with trainings.side_by_side() as make, make() as submit:
        submit(runs)
    for run, trainer, each in zip(runs, trainers, batches, strict=True):
        np.testing.assert_array_equal(run.result()[2], trainer.run(each, 0, 3))


def test_what_is_made_of_samples_is_made_once_for_all_that_share_them():
    """Of one network: another has blocks of its own."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)), np.eye(2)[rng.integers(0, 2, 12)]
    batches, known = shuffled(X, Y, 5, 0, 0, None), {}
    small, large = (Network((3, n, 2), output="softmax") for n in (4, 300))
    trainers = [
        Trainer(net, net.init(seed, like=X), Settings(optim.adam(0.1)), fixed=True)
        for seed, net in enumerate((small, small, large))
    ]
    runs = [trainer.prepared([batches], 3, known) for trainer in trainers]
    (_, _, first), (_, _, second), (_, _, other) = (run.arguments for run in runs)
    for name in ("X", "Y", "order", "keys"):
        assert first[name] is second[name]
    assert first["order"] is other["order"]
    assert first["keys"] is not other["keys"]
    for name in ("theta", "first", "second", "costs"):
        assert not np.shares_memory(first[name], second[name])
    with trainings.side_by_side() as make, make() as submit:
        submit(runs)
    for run, trainer in zip(runs, trainers, strict=True):
        np.testing.assert_array_equal(run.result()[2], trainer.run(batches, 0, 3))
