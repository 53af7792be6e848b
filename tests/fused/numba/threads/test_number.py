"""Choice of one thread or all of NumPy's BLAS: by the clock, and without any effect on results."""

from __future__ import annotations

import math
import os
import signal

import numpy as np
import pytest

import xpnet
from tests.fused.numba.network.test_run import assert_equal, samples, trained
from xpnet import Network
from xpnet.fused.numba import dense
from xpnet.fused.numba.network import stack_step
from xpnet.fused.numba.products.blas import number_of_threads, routine
from xpnet.fused.numba.threads import number as threads
from xpnet.fused.numba.threads import team, trial
from xpnet.fused.numba.threads.number import Threads, at_most

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
        monkeypatch.setattr(trial.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(trial, "_trials", {})
        monkeypatch.setattr(trial, "_newest", [False, 0.0])
        monkeypatch.setattr(threads, "agree", lambda *args: True)  # whatever this BLAS does
        monkeypatch.setattr(threads, "_product_agrees", lambda *args: True)
        monkeypatch.setattr(threads, "is_alone", lambda: True)  # pytest-xdist has threads
        monkeypatch.setattr(threads, "cores", lambda: 2)

    def run(self, choice: Threads, steps: int, m: int = M) -> list[int]:
        """The threads of each step."""
        made = []
        for _ in range(steps):
            with choice.chosen_for(m):
                made.append(self.number())
                self.now += self.of_one if made[-1] == 1 else self.of_all
        return made


@pytest.fixture
def machine(monkeypatch, all_threads):
    return Machine(monkeypatch, all_threads)


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
            monkeypatch.setattr(trial, "_trials", {})
            monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
            for module in (threads, team):
                monkeypatch.setattr(module, "is_alone", lambda alone=alone: alone)
            results.append(trained(*data, batch_size=100, epochs=1))
    for result in results[1:]:
        assert_equal(result, results[0])


def test_all_that_the_blas_has_must_agree_too_where_there_are_more_than_cores(machine, monkeypatch):
    """Their bits are the result beside other threads of Python, where nothing is set."""
    number = [3]
    both = lambda: number[0], lambda to: number.__setitem__(0, to)
    monkeypatch.setattr(threads, "number_of_threads", lambda: both)
    monkeypatch.setattr(threads, "agree", lambda sizes, m, dtype, number: number == 2)
    machine.number = lambda: number[0]
    choice = Threads(LARGE, FLOAT32)
    for _ in range(3):
        assert machine.run(choice, 20) == [3] * 20


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


def test_large_products_of_a_stack_have_the_threads_that_each_has_alone(machine, monkeypatch, rng):
    """NumPy's product of stacks leaves each to all threads, which wait for one another."""
    seen, multiply = [], dense.multiply
    monkeypatch.setattr(trial, "_newest", [True, math.inf])

    def noted(A, B, to_C):
        seen.append(machine.number())
        return multiply(A, B, to_C)

    monkeypatch.setattr(dense, "multiply", noted)
    for n, expected in ((200, [1, 1, 1]), (20, [])):
        A, B = rng.random((3, n, 300), "float32"), rng.random((3, 200, 300), "float32").mT
        B = B if n == 200 else B[..., :20]
        found = dense._product(A, B, np.empty)
        assert seen == expected
        seen.clear()
        np.testing.assert_allclose(found, A.astype(float) @ B, rtol=1e-5)


@pytest.mark.parametrize(("agrees", "expected"), [(True, [1, 2]), (False, [2, 2])])
def test_other_products_have_no_more_threads_than_cores(
    machine, monkeypatch, rng, agrees, expected
):
    """As after a training in a container, where a second thread waits in a loop for its turn.

    Not those that take longer to be asked about, nor where a bit would change.
    """
    seen = []
    monkeypatch.setattr(threads, "cores", lambda: 1)
    monkeypatch.setattr(threads, "_product_agrees", lambda *args: agrees)
    monkeypatch.setattr(dense, "multiply", lambda A, B, C: seen.append(machine.number()))
    for m in (32, 512):
        A, B = (rng.random(shape, "float32") for shape in ((128, 784), (784, m)))
        dense._product(A, B, np.empty)
    assert seen == expected


def test_other_products_beside_other_threads_are_left_alone(machine, monkeypatch, rng):
    """The number is one for the whole process."""
    seen = []
    monkeypatch.setattr(threads, "cores", lambda: 1)
    monkeypatch.setattr(threads, "_product_agrees", lambda *args: True)
    monkeypatch.setattr(dense, "multiply", lambda A, B, C: seen.append(machine.number()))
    A, B = (rng.random(shape, "float32") for shape in ((128, 784), (784, 32)))
    for alone in (True, False):
        monkeypatch.setattr(threads, "is_alone", lambda alone=alone: alone)
        dense._product(A, B, np.empty)
    assert seen == [1, 2]


def test_a_batch_that_differs_lets_no_choice(machine, monkeypatch):
    known = {M: True, 33: False, 7: None}
    monkeypatch.setattr(threads, "agree", lambda sizes, m, *rest: known[m])
    choice = Threads(LARGE, FLOAT32)
    assert set(machine.run(choice, 30)) == {1, 2}
    for m in (33, 7, 33):
        assert machine.run(choice, 30, m) == [2] * 30


@pytest.mark.parametrize(
    ("sizes", "m", "expected"),
    [((), 999, None), ((64, 128, 10), 16, None), ((784, 128, 10), 128, True)],
    ids=["no products", "small", "large"],
)
def test_agreement(sizes, m, expected, all_threads, monkeypatch):
    """Of products that are the same with one thread and with two, as those of some BLAS are not."""
    seen = []
    monkeypatch.setattr(threads, "_products", lambda *args: seen.append(all_threads()) or args)
    assert threads.agree.__wrapped__(sizes, m, FLOAT32, 2) is expected
    assert seen == [1, 2] * bool(expected)


def test_disagreement_is_found(monkeypatch):
    products, counts = threads._products, iter(range(9))

    def other_each_time(*args):
        found = products(*args)
        found[1].flat[-1] += next(counts)
        return found

    monkeypatch.setattr(threads, "_products", other_each_time)
    assert threads.agree.__wrapped__((784, 128, 10), 128, FLOAT32, 2) is False


def test_every_product_of_a_layer_is_asked_about(rng):
    W, A, dZ = (rng.random(shape) for shape in ((4, 5), (5, 7), (4, 7)))
    found = threads._products(W, A, dZ)
    for product, expected in zip(found, (W @ A, dZ @ A.T, W.T @ dZ), strict=True):
        np.testing.assert_allclose(product, expected)


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


CLIPPED = xpnet.optim.clip(xpnet.optim.adam(0.1), 1.0)
"""An optimiser by which no step of a stack is compiled."""


@pytest.mark.parametrize("kind", ["as it is", "read-only", "strided"])
def test_a_stack_has_a_choice_only_where_its_product_is_ours(kind, monkeypatch, rng):
    made = []
    monkeypatch.setattr(stack_step.Threads, "matter", lambda self, m: made.append(m))
    net = Network((300, 8, 3))
    stack = xpnet.stack([net.init(seed=seed) for seed in range(5)])
    X, Y = rng.random((300, 64), "float32"), np.eye(3, dtype="float32")[rng.integers(3, size=32)].T
    X = X[:, ::2] if kind == "strided" else X[:, :32].copy()
    X.flags.writeable = kind != "read-only"
    list(xpnet.steps(net, stack, [(X, Y)] * 2, optimizer=CLIPPED))
    assert made == ([32, 32] if kind == "as it is" else [])


def test_sizes_of_batches_that_come_once_or_are_many_are_not_asked_about():
    choice = Threads(LARGE, FLOAT32)
    assert not any(map(choice.matter, range(100, 110)))
    assert all(map(choice.matter, range(100, 110)))
    assert not any(map(choice.matter, range(200, 300)))
    assert not any(map(choice.matter, range(100, 110)))


def test_a_form_that_was_tried_before_is_asked_about_from_its_first_step(monkeypatch):
    monkeypatch.setattr(trial, "_trials", {})
    assert not Threads(LARGE, FLOAT32).matter(M)
    trial.trial_of((LARGE, FLOAT32), 1)
    assert Threads(LARGE, FLOAT32).matter(M)


def test_a_step_without_a_large_product_is_not_asked_about():
    choice = Threads((64, 32, 10), FLOAT32)
    assert not any(choice.matter(32) for _ in range(9))


def test_what_a_part_calls_has_the_threads_of_the_part(machine, monkeypatch, rng):
    seen = []
    monkeypatch.setattr(dense, "multiply", lambda A, B, C: seen.append(machine.number()))
    A, B = (rng.random((200, 200), "float32") for _ in range(2))
    monkeypatch.setattr(trial, "_newest", [True, math.inf])
    dense._product(A, B, np.empty)
    choice = Threads((784, 4096, 4096, 10), FLOAT32)  # which begins with all
    with choice.chosen_for(M):
        dense._product(A, B, np.empty)
    assert seen == [1, 2]


def test_at_most_is_never_more():
    get, _ = number_of_threads()
    before = get()
    with at_most(before + 1):
        assert get() == before
