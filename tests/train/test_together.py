"""Trainings side by side: what each leaves is what it leaves alone."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close
from xpnet import Network, backend, optim
from xpnet.data.batches import shuffled
from xpnet.network.defaults import accelerator_for
from xpnet.train.arguments import Settings
from xpnet.train.epochs import EpochLoop
from xpnet.train.together import together
from xpnet.types import Run

NET = Network((3, 4, 2), output="softmax")
M, SIZE, EPOCHS = 23, 5, 3
RATES, L2 = (1e-3, 1e-2, 0.3), (0.0, 0.1, 2.0)
KINDS = {"adam": optim.adam, "sgd": optim.sgd, "adamw": optim.adamw}


def loops(library, kind, rates=RATES, classes=(EpochLoop, EpochLoop)):
    """Three of one form, the second of which, of another class, ends an epoch before the others."""
    rng = np.random.default_rng(0)
    X = library.asarray(rng.normal(size=(M, 3)), dtype="float32")
    Y = library.asarray(np.eye(2)[rng.integers(0, 2, M)], dtype="float32")
    made = []
    for k, (rate, l2) in enumerate(zip(rates, L2, strict=True)):
        params = NET.init(seed=k, like=X)
        run = Run(NET, EPOCHS - (k == 1), -(-M // SIZE), M)
        settings = Settings(KINDS[kind](rate), l2=l2)
        gather = accelerator_for(X).gather(backend.gather)
        made.append(classes[k % 2](run, params, (), settings, lambda params: {}, gather))
    orders = [shuffled(X, Y, SIZE, 0, epoch, None) for epoch in range(EPOCHS)]
    return X, made, orders


def test_each_training_is_as_it_is_alone(eager_xp):
    assert_as_alone(eager_xp, "adam")


def test_more_than_go_at_once_begin_when_half_have_ended(monkeypatch):
    pytest.importorskip("numba")  # on NumPy alone, all go as one stack
    monkeypatch.setattr("xpnet.train.together.AT_ONCE", 2)
    X, made, orders = loops(np, "adam")
    going = []
    together(
        [loop.rounds(orders[: loop.run.epochs]) for loop in made],
        X,
        lambda k: nullcontext(),
        on_round=lambda numbers, waiting: going.append((numbers, waiting)),
    )
    assert going == [([0, 1], 1), ([0], 1), ([2], 0), ([2], 0), ([], 0)]


class Ahead(EpochLoop):
    """Nothing is done between its epochs; notes how many are made at a time."""

    def __init__(self, *loop):
        super().__init__(*loop)
        self.at_once, self.is_watched = [], False

    def ahead(self):
        return 100

    def enter_prepared(self, epochs, made):
        self.at_once.append(len(epochs))
        super().enter_prepared(epochs, made)


def test_more_and_more_epochs_at_a_time_are_as_one_by_one(monkeypatch):
    """Not all at once, whatever time there is: it was measured of few epochs."""
    monkeypatch.setattr("xpnet.train.together.SECONDS", 1e9)
    # The second begins after the first.
    assert at_once_and_as_alone(limit=1) == [[1, 16, 6]] * 2


def test_those_that_begin_later_make_as_many_epochs_as_the_first_has_shown(monkeypatch):
    trainings = pytest.importorskip("xpnet.fused.numba.network.trainings")
    wait_for = trainings._wait_for
    monkeypatch.setattr(trainings, "_wait_for", lambda runs, seconds=None: wait_for(runs))
    monkeypatch.setattr("xpnet.train.together.SECONDS", 1e9)
    monkeypatch.setattr("xpnet.train.together.MOST_ALIKE", 1)  # so that each is a part
    assert at_once_and_as_alone() == [[1, 16, 6], [16, 7]]


def at_once_and_as_alone(**options):
    """How many epochs two made at a time that may make many; they are as they are alone."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(M, 3)), np.eye(2)[rng.integers(0, 2, M)]
    weights = rng.random(M)[None, :]
    orders = [shuffled(X, Y, SIZE, 0, epoch, weights) for epoch in range(23)]
    gather = accelerator_for(X).gather(backend.gather)

    def made(k):
        run, params = Run(NET, 23, -(-M // SIZE), M), NET.init(seed=k, like=X)
        return Ahead(run, params, (), Settings(optim.adam(0.01)), lambda params: {}, gather)

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
    monkeypatch.setattr("xpnet.train.together.SECONDS", 1e9)
    (X, made, orders), (_, alone, _) = (
        loops(np, "adam", classes=(Ahead, EpochLoop)) for _ in range(2)
    )
    rounds = [loop.rounds(orders[: loop.run.epochs]) for loop in made]
    together(rounds, X, lambda k: nullcontext())
    for found, loop in zip(made, alone, strict=True):
        assert_bits(found.result.params, loop.fit(orders).params)
    assert [loop.at_once for loop in made[::2]] == [[1, 2], [1, 2]]


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_compiler_they_are_a_stack(cuda_device, unfused, kind):
    assert_as_alone(cuda_device, kind)


def test_one_that_outlives_those_beside_it_is_not_told_to_be_alone(unfused):
    X, (first, second, _), orders = loops(np, "sgd")
    _, (other, *_), _ = loops(np, "adam")
    told = {}
    rounds = [loop.rounds(orders[: loop.run.epochs]) for loop in (first, second, other)]
    together(rounds, X, lambda k: nullcontext(), on_alone=told.setdefault)
    assert [len(loop.history) for loop in (first, second)] == [EPOCHS, EPOCHS - 1]
    assert list(told) == [2]
    assert told[2].startswith("no other is of its form")


class NoRateError(Exception):
    pass


def no_rate_in_the_second_epoch(t):
    if t > 7:
        raise NoRateError
    return 1e-3


@pytest.mark.parametrize("rate", [no_rate_in_the_second_epoch, 1e39], ids=["schedule", "too large"])
def test_one_that_fails_leaves_the_others(eager_xp, rate, monkeypatch):
    if eager_xp.name == "numpy":
        monkeypatch.setenv("XPNET_FUSED", "0")  # so that there is a stack, too
    rates = (1e-2, 1e-3, rate)
    X, beside, orders = loops(eager_xp, "sgd", rates)
    errors = {}
    with np.errstate(all="ignore"):
        together([loop.rounds(orders) for loop in beside], X, kept_in(errors))
    assert {k: type(error) for k, error in errors.items()} == (
        {2: NoRateError} if callable(rate) else {}
    )
    _, alone, _ = loops(eager_xp, "sgd", rates)
    for found, loop in zip(beside[:2], alone, strict=False):
        assert_trees_close(found.result.params, loop.fit(orders).params, "float32")
    assert beside[2].result.stopped.startswith("failed: NoRateError" if errors else "all epochs")


def test_an_error_of_a_stack_is_that_of_its_members(unfused, monkeypatch):
    def too_large(*_):
        raise MemoryError("of the stack")

    monkeypatch.setattr("xpnet.train.stacked.Stack.train", too_large)
    X, members, orders = loops(np, "adam")
    _, (_, _, other), _ = loops(np, "sgd")
    errors = {}
    together([loop.rounds(orders) for loop in (*members, other)], X, kept_in(errors))
    assert {k: str(error) for k, error in errors.items()} == dict.fromkeys(range(3), "of the stack")
    assert other.result.stopped == "all epochs done"


def kept_in(errors):
    @contextmanager
    def watch(k):
        try:
            yield
        except Exception as error:
            errors[k] = error

    return watch


def assert_as_alone(library, kind):
    X, beside, orders = loops(library, kind)
    together([loop.rounds(orders) for loop in beside], X, lambda k: nullcontext())
    _, alone, _ = loops(library, kind)
    for found, loop in zip(beside, alone, strict=True):
        expected = loop.fit(orders)
        assert found.result.steps == expected.steps
        assert_trees_close(found.result.params, expected.params, "float32")
        for row, expected_row in zip(found.result.history, expected.history, strict=True):
            assert row["cost"] == pytest.approx(expected_row["cost"], rel=1e-5)
            assert row["learning_rate"] == expected_row["learning_rate"]
        if library.name == "numpy":
            assert_bits(found.result.params, expected.params)


def assert_bits(found, expected):
    for layer, expected_layer in zip(found, expected, strict=True):
        for array, expected_array in zip(layer, expected_layer, strict=True):
            np.testing.assert_array_equal(array, expected_array)
