"""Trainings side by side: what each leaves is what it leaves alone."""

from __future__ import annotations

import gc
import signal
import weakref
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from tests.kernels.cases import Library, assert_trees_close
from xpnet import Network, backend, optim
from xpnet.data.batches import shuffled
from xpnet.train.arguments import Settings
from xpnet.train.epochs import EpochLoop
from xpnet.train.together import together
from xpnet.train.together.rounds import _bytes
from xpnet.train.together.side_by_side import _parts, _Round
from xpnet.train.together.stacked import Stack
from xpnet.types import Batches, Run, tensors

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
        made.append(classes[k % 2](run, params, (), settings, lambda params: {}))
    orders = [shuffled(X, Y, SIZE, 0, epoch, None) for epoch in range(EPOCHS)]
    return X, made, orders


def test_each_training_is_as_it_is_alone(eager_xp):
    assert_as_alone(eager_xp, "adam")


def test_more_than_go_at_once_begin_when_half_have_ended(monkeypatch):
    pytest.importorskip("numba")  # on NumPy alone, all go as one stack
    monkeypatch.setattr("xpnet.train.together.rounds.AT_ONCE", 2)
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
    some = _Round([], nullcontext, nullcontext, nullcontext, ())
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


@pytest.mark.parametrize("own", [(), ("samples", "order")], ids=["rates", "samples"])
def test_what_is_their_own_leaves_them_a_stack(eager_xp, own, monkeypatch):
    if eager_xp.name == "numpy":
        monkeypatch.setenv("XPNET_FUSED", "0")  # so that there is a stack, too
    X, *_ = samples_of(eager_xp, 0, 1)
    gains = not own or eager_xp.name != "jax" or not backend.on_host(backend.near(X))
    assert beside_and_alone(eager_xp, own) == ([] if gains else [0, 1, 2, 3])


def test_a_stack_makes_as_many_epochs_as_none_of_it_ends_before(eager_xp, monkeypatch):
    """The second ends after six; the others go on as a smaller stack."""
    monkeypatch.setattr("xpnet.train.together.rounds.SECONDS", 1e9)
    monkeypatch.setattr("tests.train.together.test_rounds.EPOCHS", 7)
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


@pytest.mark.parametrize("name", ["LARGE", "FEW"])
def test_on_a_processor_they_are_no_stack_where_none_gains(name, unfused, monkeypatch):
    monkeypatch.setattr("xpnet.train.together.stacked.LARGE", 25 if name == "LARGE" else 26)
    monkeypatch.setattr("xpnet.train.together.rounds.FEW", 5 if name == "FEW" else 4)
    assert beside_and_alone(np, ("order",)) == [0, 1, 2, 3]


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

    monkeypatch.setattr("xpnet.train.together.stacked.Stack.train", too_large)
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
        assert_as(found.result, expected)
        if library.name == "numpy":
            assert_bits(found.result.params, expected.params)


def assert_as(found, expected):
    assert found.steps == expected.steps
    assert_trees_close(found.params, expected.params, "float32")
    for row, expected_row in zip(found.history, expected.history, strict=True):
        assert row["cost"] == pytest.approx(expected_row["cost"], rel=1e-5)
        assert row["learning_rate"] == expected_row["learning_rate"]


def assert_bits(found, expected):
    for layer, expected_layer in zip(found, expected, strict=True):
        for array, expected_array in zip(layer, expected_layer, strict=True):
            np.testing.assert_array_equal(array, expected_array)
