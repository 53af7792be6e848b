"""Trainings that are a stack: which are one, its memory, its ends and errors."""

from __future__ import annotations

import gc
import weakref
from contextlib import nullcontext
from unittest.mock import Mock

import numpy as np
import pytest

from tests.kernels.cases import Library
from tests.train.together.cases import (
    EPOCHS,
    KINDS,
    NET,
    RATES,
    SIZE,
    Ahead,
    M,
    assert_as,
    assert_as_alone,
    kept_in,
    loops,
)
from xpnet import backend, optim
from xpnet.data.batches import shuffled
from xpnet.train.arguments import Settings
from xpnet.train.epochs import EpochLoop
from xpnet.train.together import together
from xpnet.train.together.rounds import _bytes
from xpnet.train.together.stacked import Stack
from xpnet.types import Batches, Run, tensors


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_compiler_they_are_a_stack(cuda_device, unfused, kind):
    assert_as_alone(cuda_device, kind)


def samples_of(library, seed, m):
    """X, Y and weights."""
    rng = np.random.default_rng(seed)
    arrays = rng.normal(size=(m, 3)), np.eye(2)[rng.integers(0, 2, m)], rng.random((1, m))
    return [library.asarray(array, dtype="float32") for array in arrays]


def droppers(library, own, m):
    """Four with dropout and their epochs, one fewer of the first; weights are their own."""
    common = samples_of(library, 9, m)
    orders = [np.random.default_rng(epoch).permutation(m) for epoch in range(EPOCHS)]
    for k, rate in enumerate((*RATES, 0.02)):
        *_, weight = mine = samples_of(library, k, m)
        X, Y, _ = mine if "samples" in own else common
        settings = Settings(optim.adam(rate), dropout=0.2 * (k + 1), seed=7 * k)
        run = Run(NET, EPOCHS - (k == 0), -(-m // SIZE), m)
        params = NET.init(seed=k, like=X)
        epochs = [
            Batches(X, Y, weight, np.roll(order, k) if "order" in own else order, SIZE)
            for order in orders
        ]
        loop = EpochLoop(run, params, (), settings, lambda params: {})
        yield loop, epochs[: run.epochs]


def beside_and_alone(library, own, m=M, **options):
    """Train them both ways; the numbers of those that were in no stack."""
    beside, told = list(droppers(library, own, m)), {}
    together(
        [loop.rounds(epochs) for loop, epochs in beside],
        beside[0][1][0].X,
        lambda k: nullcontext(),
        on_alone=told.setdefault,
        **options,
    )
    for (found, _), (loop, epochs) in zip(beside, droppers(library, own, m), strict=True):
        assert_as(found.result, loop.fit(epochs))
    return list(told)


@pytest.fixture
def with_run(monkeypatch):
    """The first two that ask for a compiled run have one; for each that asks, whether."""
    run = pytest.importorskip("xpnet.fused.numba.network.run")
    found, told = run.program_of, []

    def of_some(of_stack, step, net, params, X, optimizer):
        told.append(len(told) < 2)
        return found(of_stack, step, net, params, X, optimizer) if told[-1] else None

    monkeypatch.setattr(run, "program_of", of_some)
    return told


@pytest.mark.parametrize("own", [(), ("samples", "order")], ids=["rates", "samples"])
def test_those_without_a_compiled_run_are_a_stack_beside_others(own, with_run):
    """Two of four have a run; the other two are enough where they share samples and their order."""
    assert beside_and_alone(np, own) == ([] if own == () else [2, 3])
    assert with_run[:2] == [True, True]


def test_an_interrupted_stack_leaves_the_epochs_that_runs_beside_it_have_made(
    with_run, monkeypatch
):
    monkeypatch.setattr(Stack, "train", Mock(side_effect=KeyboardInterrupt))
    members = list(droppers(np, (), M))
    with pytest.raises(KeyboardInterrupt):
        together(
            [loop.rounds(epochs) for loop, epochs in members],
            members[0][1][0].X,
            lambda k: nullcontext(),
        )
    assert [len(loop.history) for loop, _ in members] == [1, 1, 0, 0]


@pytest.mark.parametrize("own", [(), ("samples", "order")], ids=["rates", "samples"])
def test_what_is_their_own_leaves_them_a_stack(eager_xp, own, own_runs, monkeypatch):
    if eager_xp.name == "numpy":
        monkeypatch.setenv("XPNET_FUSED", "0")  # so that there is a stack, too
    X, *_ = samples_of(eager_xp, 0, 1)
    gains = not own or eager_xp.name != "jax" or not backend.on_host(backend.near(X))
    assert beside_and_alone(eager_xp, own) == ([] if gains else [0, 1, 2, 3])


def test_a_stack_makes_as_many_epochs_as_none_of_it_ends_before(eager_xp, own_runs, monkeypatch):
    """The second ends after six; the others go on as a smaller stack."""
    monkeypatch.setattr("xpnet.train.together.rounds.SECONDS", 1e9)
    monkeypatch.setattr("tests.train.together.cases.EPOCHS", 7)
    if eager_xp.name == "numpy":
        monkeypatch.setenv("XPNET_FUSED", "0")  # so that there is a stack, too
    X, beside, orders = loops(eager_xp, "adam", classes=(Ahead, Ahead))
    together([loop.rounds(orders[: loop.run.epochs]) for loop in beside], X, kept_in({}))
    assert [loop.at_once for loop in beside] == [[1, 5, 1], [1, 5], [1, 5, 1]]
    _, alone, _ = loops(eager_xp, "adam")
    for found, loop in zip(beside, alone, strict=True):
        assert_as(found.result, loop.fit(orders))


def test_a_stack_that_begins_later_is_measured_by_itself(unfused, monkeypatch):
    """Its epochs may take longer than those of the stack before."""
    monkeypatch.setattr("xpnet.train.together.rounds.SECONDS", 1e9)
    X, Y = np.ones((M, 3)), np.eye(2)[np.arange(M) % 2]
    orders = [shuffled(X, Y, SIZE, 0, epoch, None) for epoch in range(23)]
    run = Run(NET, 23, -(-M // SIZE), M)
    beside = [
        Ahead(run, NET.init(seed=k, like=X), (), Settings(optim.adam(0.01)), lambda params: {})
        for k in range(4)
    ]
    room_for_two = 1.5 * _bytes(beside[0])
    rounds = [loop.rounds(orders) for loop in beside]
    together(rounds, X, lambda k: nullcontext(), limit=room_for_two)
    assert [loop.at_once for loop in beside] == [[1, 16, 6]] * 4


@pytest.mark.parametrize("classes", [(EpochLoop,) * 2, (Ahead,) * 2], ids=["one", "some"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_what_has_ended_keeps_no_memory_of_a_stack(library, classes, unfused):
    pytest.importorskip(library)
    X, beside, orders = loops(Library(library), "adam", classes=classes)
    together([loop.rounds(orders[: loop.run.epochs]) for loop in beside], X, kept_in({}))
    for loop in beside:
        for params in (loop.params, *loop.trainer.state.moments):
            assert [memory_of(array) == array.nbytes for array in tensors(params)] == [True] * 4


def memory_of(array):
    """Bytes of what the array may be a view of."""
    if isinstance(array, np.ndarray):
        return array.nbytes if array.base is None else array.base.nbytes
    return array.untyped_storage().nbytes()


def test_on_jax_one_that_has_ended_takes_the_order_of_the_others():
    """With its own, the last epoch would be another program."""
    run = pytest.importorskip("xpnet.fused.jax.run")
    X, beside, orders = loops(Library("jax"), "adam", rates=(2e-3, 3e-3, 4e-3))
    before = run._run_program.cache_info().misses
    together([loop.rounds(orders[: loop.run.epochs]) for loop in beside], X, kept_in({}))
    assert [len(loop.history) for loop in beside] == [EPOCHS, EPOCHS - 1, EPOCHS]
    assert run._run_program.cache_info().misses - before <= 2  # whole batches, and a short one


def test_samples_are_copied_where_there_is_room(unfused):
    """Four trainings need 5,168 bytes, and the samples that all are trained on 9,600."""
    own = ("samples",)
    assert beside_and_alone(np, own, m=100, limit=14_767) == [0, 1, 2, 3]
    assert beside_and_alone(np, own, m=100, limit=14_768) == []
    assert beside_and_alone(np, ("order",), m=100, limit=14_767) == []


def test_on_a_device_large_ones_and_few_are_a_stack(cuda_device, unfused, monkeypatch):
    monkeypatch.setattr("xpnet.train.together.stacked.LARGE", 0)
    monkeypatch.setattr("xpnet.train.together.rounds.FEW", 5)
    assert beside_and_alone(cuda_device, ("order",)) == []


@pytest.mark.parametrize("error", [MemoryError, RuntimeError])
def test_without_memory_for_a_stack_each_trains_alone(error, unfused, monkeypatch):
    """As on a device, which has less than the host."""

    def full(*arrays):
        raise error

    monkeypatch.setattr("xpnet.train.together.stacked._joined", full)
    assert beside_and_alone(np, ("samples",)) == [0, 1, 2, 3]


def test_copies_of_samples_are_freed_before_others_are_made(unfused, monkeypatch):
    """The first ends an epoch before the others, which are a new stack then."""
    made = []

    class Counted(Stack):
        def __init__(self, loops):
            assert not any(one() for one in made)
            super().__init__(loops)
            made.append(weakref.ref(self))

    monkeypatch.setattr("xpnet.train.together.rounds.Stack", Counted)
    monkeypatch.setattr("xpnet.train.together.rounds.FEW", 3)
    gc.disable()
    try:
        assert beside_and_alone(np, ("samples",)) == []
    finally:
        gc.enable()
    assert len(made) == 2
    assert not any(one() for one in made)


MOST = {"stacked.LARGE": 26, "stacked.WIDE": 5 * (4 + 2), "rounds.FEW": 4}
"""What lets `droppers` be a stack: parameters, activations of a batch, networks."""


@pytest.mark.parametrize("name", ["", *MOST])
def test_on_a_processor_they_are_no_stack_where_none_gains(name, unfused, monkeypatch):
    for each, number in MOST.items():
        beyond = 1 if "FEW" in each else -1
        number += beyond if each == name else 0
        monkeypatch.setattr(f"xpnet.train.together.{each}", number)
    assert beside_and_alone(np, ("order",)) == ([0, 1, 2, 3] if name else [])


def test_an_error_of_a_stack_is_that_of_its_members(unfused, monkeypatch):
    def too_large(*_):
        raise MemoryError("of the stack")

    monkeypatch.setattr("xpnet.train.together.stacked.Stack.train", too_large)
    X, members, orders = loops(np, "adam")
    _, (_, _, other), _ = loops(np, "sgd")
    errors = {}
    together([loop.rounds(orders) for loop in (*members, other)], X, kept_in(errors))
    assert {k: str(error) for k, error in errors.items()} == dict.fromkeys(range(3), "of the stack")
    assert other.result.stopped == "all epochs done"
