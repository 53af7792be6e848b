"""Choice of one thread or all of NumPy's BLAS: by the clock, and without any effect on results."""

from __future__ import annotations

import math
import os
import signal
from itertools import cycle

import numpy as np
import pytest

import xpnet
from tests.fused.numba.network.test_run import assert_equal, samples, trained
from xpnet import Network
from xpnet.fused.numba import dense
from xpnet.fused.numba.blas import number_of_threads, routine
from xpnet.fused.numba.network import step
from xpnet.fused.numba.threads import number as threads
from xpnet.fused.numba.threads.number import Threads, at_most
from xpnet.fused.numba.threads.trial import Trial

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)

FLOAT32 = np.dtype("float32")
LARGE, M = (784, 128, 10), 128


@pytest.fixture
def all_threads():
    """Two of them, and what says how many there are now."""
    get, set_ = number_of_threads()
    before = get()
    set_(2)
    yield get
    assert get() == 2
    set_(before)


class Machine:
    """A clock, and steps that take as long as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: object) -> None:
        self.now, self.number = 100.0, number
        self.of_one, self.of_all = 1e-3, 1e-3
        monkeypatch.setattr(threads.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(threads, "_trials", {})
        monkeypatch.setattr(threads, "agree", lambda *args: True)
        monkeypatch.setattr(threads, "is_alone", lambda: True)  # pytest-xdist has threads
        monkeypatch.setattr(threads, "cores", lambda: 2)

    def run(self, choice: Threads, steps: int, *batches: int) -> list[int]:
        """The threads of each step."""
        made: list[tuple[int, int]] = []
        with choice.parts(steps, *batches or (M,)) as parts:
            for part, _ in parts:
                threads = self.number()
                made += [(i, threads) for i in range(steps)[part]]
                self.now += (part.stop - part.start) * (
                    self.of_one if threads == 1 else self.of_all
                )
        assert [i for i, _ in made] == list(range(steps))
        return [threads for _, threads in made]


@pytest.fixture
def machine(monkeypatch, all_threads):
    return Machine(monkeypatch, all_threads)


@pytest.mark.parametrize(
    ("of_one", "of_all", "best"), [(1e-3, 4e-4, 2), (1e-3, 9.5e-4, 2), (1e-3, 9e-3, 1)]
)
def test_the_faster_way_is_found_and_kept(machine, of_one, of_all, best):
    machine.of_one, machine.of_all = of_one, of_all
    choice = Threads(LARGE, FLOAT32)
    assert machine.run(choice, 1) == [1]
    trial = machine.run(choice, 100)
    assert set(trial[:30]) == {1, 2}
    assert trial[-40:] == [best] * 40
    assert machine.run(choice, 30) == [best] * 30


def test_the_next_training_of_the_same_form_begins_with_what_was_found(machine):
    machine.of_all = 4e-4
    former = Threads(LARGE, FLOAT32)
    machine.run(former, 1)
    machine.run(former, 100)
    assert machine.run(Threads(LARGE, FLOAT32), 30) == [2] * 30
    assert machine.run(Threads(LARGE, np.dtype("float64")), 1) == [1]
    machine.of_all = 9e-3  # others came, and the next trial is due
    machine.now += 60
    later = Threads(LARGE, FLOAT32)
    assert machine.run(later, 1) == [2]
    assert machine.run(later, 100)[-40:] == [1] * 40


def test_short_trainings_make_one_trial_together(machine):
    machine.of_all = 1.1e-3
    for _ in range(6):
        choice = Threads(LARGE, FLOAT32)
        machine.run(choice, 1)
        machine.run(choice, 5)
    assert threads._trials[LARGE, FLOAT32].has_ended
    assert machine.run(choice, 30) == [1] * 30


@pytest.mark.parametrize(("of_one", "ends"), [(1.1e-3, 10), (1.5e-3, 3)])
def test_a_trial_ends_early_where_what_is_in_use_is_clearly_faster(of_one, ends):
    trial = Trial(one=False, due=0.0)
    rounds = range(1, 20)
    ended = [trial.enter(False, M, 1, 1e-3) | trial.enter(True, M, 1, of_one) for _ in rounds]
    assert rounds[ended.index(True)] == ends
    assert not trial.one


def test_a_clear_gain_is_believed_after_a_whole_trial_alone(machine):
    trial = Trial(one=True, due=0.0)
    parts = [(False, M, 5, 2e-3), (True, M, 5, 5e-3), (False, M, 5, 2e-3)]
    assert not any(trial.enter(*part) for part in parts)
    assert trial.enter(False, M, 15, 6e-3) is False
    assert trial.enter(True, M, 5, 5e-3)
    assert not trial.one


def test_it_is_looked_at_again_and_changes_with_the_machine(machine):
    machine.of_all = 5e-4
    choice = Threads(LARGE, FLOAT32)
    for _ in range(20):
        machine.run(choice, 100)
    assert machine.run(choice, 10) == [2] * 10
    machine.of_all = 1e-2  # others came
    began = machine.now
    while machine.run(choice, 5)[-1] == 2:
        assert machine.now < began + 1.5
    machine.of_all = 5e-4  # and went
    began = machine.now
    while machine.run(choice, 5)[-1] == 1:
        assert machine.now < began + 3


def test_a_heavy_step_begins_with_all_and_is_tried_later(machine):
    choice = Threads((784, 4096, 4096, 10), FLOAT32)
    machine.of_one, machine.of_all = 0.02, 0.01
    assert machine.run(choice, 1) == [2]
    assert machine.run(choice, 16) == [2] * 16
    machine.of_one = 0.005
    assert machine.run(choice, 20) == [2] * 20  # up to 0.37 s
    assert machine.run(choice, 8)[-3:] == [1] * 3


def test_trials_take_little_of_the_time(machine):
    machine.of_all = 0.08  # a step waits for the other thread's turn
    choice = Threads(LARGE, FLOAT32)
    machine.run(choice, 1)
    made = [number for _ in range(100) for number in machine.run(choice, 100)]
    assert 0 < made.count(2) * machine.of_all < 0.08 * (machine.now - 100)


@pytest.mark.parametrize(
    ("of_one", "of_all"),
    [(28e-3, 15e-3), (0.3, 0.15), (1e-3, 4e-4), (1e-3, 8.3e-4), (1e-3, 9.5e-4)],
)
def test_on_a_machine_at_rest_trials_take_next_to_nothing(machine, of_one, of_all):
    """Also of long steps, of which a single one is felt, as of 784-512-256-10 at batch 1024."""
    machine.of_one, machine.of_all = of_one, of_all
    choice = Threads(LARGE, FLOAT32)
    machine.run(choice, 1)
    machine.run(choice, int(1 / of_one))  # what is faster must be found out once
    began, ones = machine.now, 0
    while machine.now < began + 100:
        ones += machine.run(choice, int(0.05 / of_all) + 1).count(1)
    assert 0 < ones * (of_one - of_all) < 0.005 * (machine.now - began)


def test_others_are_noticed_by_the_pace_of_all_threads(machine):
    """Where a trial is seldom."""
    machine.of_one, machine.of_all = 28e-3, 15e-3
    choice = Threads(LARGE, FLOAT32)
    for _ in range(400):
        machine.run(choice, 3)
    assert all(machine.run(choice, 3) == [2, 2, 2] for _ in range(20))  # for 0.9 s
    machine.of_one, machine.of_all = 42e-3, 75e-3  # two others came
    began = machine.now
    while machine.run(choice, 3)[-1] == 2:
        assert machine.now < began + 0.5


def test_another_size_of_batch_does_not_put_a_trial_off(machine):
    """Its steps may be the faster for that alone."""
    machine.of_one, machine.of_all = 28e-3, 15e-3
    choice = Threads(LARGE, FLOAT32)
    machine.run(choice, 1)
    machine.run(choice, 20)
    machine.of_one, machine.of_all = 1e-3, 5e-3  # others came
    began = machine.now
    while machine.run(choice, 10, M // 4)[-1] == 2:
        assert machine.now < began + 0.6


def test_without_large_products_there_is_no_choice(machine, monkeypatch):
    monkeypatch.setattr(threads, "agree", lambda *args: None)
    choice = Threads(LARGE, FLOAT32)
    for _ in range(3):
        assert machine.run(choice, 50) == [2] * 50


def test_ways_that_differ_in_a_bit_are_not_chosen_between(machine, monkeypatch):
    monkeypatch.setattr(threads, "agree", lambda *args: False)
    machine.of_all = 1.0
    choice = Threads(LARGE, FLOAT32)
    for _ in range(3):
        assert machine.run(choice, 50) == [2] * 50


@pytest.mark.parametrize(("agree", "number"), [(True, 1), (None, 1), (False, 2)])
def test_there_are_no_more_threads_than_cores_where_no_bit_changes(
    machine, monkeypatch, agree, number
):
    """As where a container has a part of the machine; nothing has to be tried then.

    Where bits differ, those of all threads are the result: beside other threads of Python, and of
    a first step by itself, there is no other.
    """
    monkeypatch.setattr(threads, "cores", lambda: 1)
    monkeypatch.setattr(threads, "agree", lambda *args: agree)
    machine.of_one = 9.0
    choice = Threads(LARGE, FLOAT32)
    for _ in range(3):
        assert machine.run(choice, 20) == [number] * 20
    assert machine.number() == 2


@pytest.mark.parametrize("sizes", [(100, 64, 3), (300, 100, 3)], ids=["small", "large"])
def test_a_share_of_the_cores_changes_no_bit(monkeypatch, all_threads, sizes):
    """In double precision, in which one thread and two differ for some of these products."""
    data, results = samples(sizes, m=400, dtype="float64"), []
    for cores in (1, 2):
        for alone in (True, False):
            monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
            monkeypatch.setattr(threads, "is_alone", lambda alone=alone: alone)
            monkeypatch.setattr(threads, "_trials", {})
            results.append(trained(*data, batch_size=100, epochs=1))
    for result in results[1:]:
        assert_equal(result, results[0])


def test_other_products_follow_the_newest_trial_for_a_while(machine, monkeypatch, rng):
    seen = []
    monkeypatch.setattr(dense, "multiply", lambda A, B, C: seen.append(machine.number()))
    A, B = (rng.random((200, 200), "float32") for _ in range(2))
    machine.of_all = 0.1
    choice = Threads(LARGE, FLOAT32)
    machine.run(choice, 1)
    machine.run(choice, 100)
    dense._product(A, B, np.empty)
    machine.now += 60
    dense._product(A, B, np.empty)
    assert seen == [1, 2]


@pytest.mark.parametrize(("agrees", "expected"), [(True, [1, 2]), (False, [2, 2])])
def test_other_products_have_no_more_threads_than_cores(
    machine, monkeypatch, rng, agrees, expected
):
    """As after a training in a container, where a second thread waits in a loop for its turn.

    Not those that take longer to be asked about, nor where a bit would change.
    """
    seen = []
    monkeypatch.setattr(threads, "cores", lambda: 1)
    monkeypatch.setattr(threads, "_best", [False, 0.0])
    monkeypatch.setattr(threads, "_product_agrees", lambda *args: agrees)
    monkeypatch.setattr(dense, "multiply", lambda A, B, C: seen.append(machine.number()))
    for m in (32, 512):
        A, B = (rng.random(shape, "float32") for shape in ((128, 784), (784, m)))
        dense._product(A, B, np.empty)
    assert seen == expected


def test_a_batch_that_differs_lets_no_choice_for_the_run(machine, monkeypatch):
    known = {M: True, 33: False, 7: None}
    monkeypatch.setattr(threads, "agree", lambda sizes, m, *rest: known[m])
    choice = Threads(LARGE, FLOAT32)
    machine.run(choice, 30, M, 7)
    assert set(machine.run(choice, 30, M, 7)) == {1, 2}
    for _ in range(3):
        assert machine.run(choice, 30, M, 33) == [2] * 30


@pytest.mark.parametrize(
    ("sizes", "m", "expected"),
    [((), 999, None), ((64, 128, 10), 16, None), ((784, 128, 10), 128, True)],
    ids=["no products", "small", "large"],
)
def test_agreement(sizes, m, expected, all_threads):
    assert threads.agree.__wrapped__(sizes, m, FLOAT32, 2) is expected


def test_disagreement_is_found(monkeypatch):
    products, counts = threads._products, iter(range(9))

    def other_each_time(*args):
        found = products(*args)
        found[1].flat[-1] += next(counts)
        return found

    monkeypatch.setattr(threads, "_products", other_each_time)
    assert threads.agree.__wrapped__((784, 128, 10), 128, FLOAT32, 2) is False


def test_products_too_small_to_gain_must_agree_too(all_threads, monkeypatch):
    asked = []
    monkeypatch.setattr(threads, "_layer_agrees", lambda *args: asked.append(args[:2]) or False)
    assert threads.agree.__wrapped__((100, 64, 3), 100, FLOAT32, 2) is False
    assert asked == [(100, 64)]


def test_one_thread_within_one_thread(all_threads):
    with at_most(1):
        with at_most(1):
            assert all_threads() == 1
        assert all_threads() == 1
    assert all_threads() == 2


def test_an_error_leaves_all_threads(all_threads):
    with pytest.raises(ZeroDivisionError), at_most(1):
        _ = 1 / (all_threads() - 1)
    assert all_threads() == 2


def test_an_error_amid_a_part_leaves_all_threads(machine):
    choice = Threads(LARGE, FLOAT32)
    machine.run(choice, 1)
    machine.of_one = None  # what takes so long cannot be added up
    with pytest.raises(TypeError):
        machine.run(choice, 50)
    assert machine.number() == 2


def test_ctrl_c_within_one_thread_leaves_all_threads(all_threads):
    with pytest.raises(KeyboardInterrupt), at_most(1):
        signal.raise_signal(signal.SIGINT)
    assert all_threads() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning")
def test_a_process_forked_within_one_thread_has_all_afterwards(all_threads):
    with at_most(1):
        child = os.fork()
    if not child:
        os._exit(all_threads())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 2


def test_beside_other_threads_there_is_no_choice(machine, monkeypatch):
    """Their products would get another number of threads, too."""
    monkeypatch.undo()
    machine = Machine(monkeypatch, number_of_threads()[0])
    monkeypatch.setattr(threads, "is_alone", lambda: False)
    choice = Threads(LARGE, FLOAT32)
    for _ in range(3):
        assert machine.run(choice, 50) == [2] * 50


@pytest.mark.parametrize("kind", ["as it is", "read-only", "strided"])
def test_a_stack_has_a_choice_only_where_its_product_is_ours(kind, monkeypatch, rng):
    made = []
    monkeypatch.setattr(step.Threads, "matter", lambda self, m: made.append(m))
    net = Network((300, 8, 3))
    stack = xpnet.stack([net.init(seed=seed) for seed in range(5)])
    X, Y = rng.random((300, 64), "float32"), np.eye(3, dtype="float32")[rng.integers(3, size=32)].T
    X = X[:, ::2] if kind == "strided" else X[:, :32].copy()
    X.flags.writeable = kind != "read-only"
    list(xpnet.steps(net, stack, [(X, Y)] * 2, optimizer=xpnet.optim.sgd(0.1)))
    assert made == ([32, 32] if kind == "as it is" else [])


def test_sizes_of_batches_that_come_once_or_are_many_are_not_asked_about():
    choice = Threads(LARGE, FLOAT32)
    assert not any(map(choice.matter, range(100, 110)))
    assert all(map(choice.matter, range(100, 110)))
    assert not any(map(choice.matter, range(200, 300)))
    assert not any(map(choice.matter, range(100, 110)))


def test_a_form_that_was_tried_before_is_asked_about_from_its_first_step(monkeypatch):
    monkeypatch.setattr(threads, "_trials", {})
    assert not Threads(LARGE, FLOAT32).matter(M)
    threads._trials[LARGE, FLOAT32] = Trial(one=True, due=0.0)
    assert Threads(LARGE, FLOAT32).matter(M)


def test_a_step_without_a_large_product_is_not_asked_about():
    choice = Threads((64, 32, 10), FLOAT32)
    assert not any(choice.matter(32) for _ in range(9))


def test_what_a_part_calls_has_the_threads_of_the_part(machine, monkeypatch, rng):
    seen = []
    monkeypatch.setattr(dense, "multiply", lambda A, B, C: seen.append(machine.number()))
    A, B = (rng.random((200, 200), "float32") for _ in range(2))
    monkeypatch.setattr(threads, "_best", [True, math.inf])
    dense._product(A, B, np.empty)
    with Threads(LARGE, FLOAT32).parts(1, 999) as parts:
        for _ in parts:
            dense._product(A, B, np.empty)
    assert seen == [1, 2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_choice_changes_no_bit(monkeypatch, all_threads, dtype):
    data, results = samples((784, 300, 3), dtype=dtype), []

    ways = cycle([True, False, False])

    class Alternating(Threads):
        def _parts(self, steps, batches, by_workers):
            for i in range(steps):
                with at_most(1) if next(ways) else threads.nullcontext():
                    yield slice(i, i + 1), 1

    class All(Threads):
        def _parts(self, steps, batches, by_workers):
            yield slice(0, steps), 1

    for way in (All, Alternating, Threads):
        monkeypatch.setattr(step, "Threads", way)
        results.append(trained(*data, batch_size=16, dropout=0.2, seed=5))
    assert_equal(results[1], results[0])
    assert_equal(results[2], results[0])
