"""Workers of a training: as many as are faster now, by the clock, whatever else computes."""

from __future__ import annotations

import pytest

from xpnet.fused.numba.threads import team, trial
from xpnet.fused.numba.threads.number import at_most
from xpnet.fused.numba.threads.team import Team

LARGE, M = (784, 128, 10), 128


class Machine:
    """A clock, and steps that take as long as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.of_one, self.of_all = 1e-3, 1e-3
        monkeypatch.setattr(trial.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(trial, "_trials", {})
        monkeypatch.setattr(trial, "_newest", [False, 0.0])
        monkeypatch.setattr(team, "is_alone", lambda: True)  # pytest-xdist has threads
        monkeypatch.setattr(team, "all_threads", lambda: 2)

    def run(self, choice: Team, steps: int, m: int = M) -> list[int]:
        """The workers of each step."""
        made: list[tuple[int, int]] = []
        for part, workers in choice.parts(steps, m):
            made += [(i, workers) for i in range(steps)[part]]
            self.now += (part.stop - part.start) * (self.of_one if workers == 1 else self.of_all)
        assert [i for i, _ in made] == list(range(steps))
        return [workers for _, workers in made]


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch)


@pytest.mark.parametrize(
    ("of_one", "of_all", "best"), [(1e-3, 4e-4, 2), (1e-3, 9.5e-4, 2), (1e-3, 9e-3, 1)]
)
def test_the_faster_way_is_found_and_kept(machine, of_one, of_all, best):
    machine.of_one, machine.of_all = of_one, of_all
    choice = Team(LARGE)
    assert machine.run(choice, 1) == [1]
    made = machine.run(choice, 120)
    assert set(made[:30]) == {1, 2}
    assert made[-40:] == [best] * 40
    assert machine.run(choice, 30) == [best] * 30


def test_the_first_run_of_a_training_is_a_trial_but_for_its_first_step(machine):
    machine.of_all = 4e-4
    made = machine.run(Team(LARGE), 150)
    assert made[0] == 1
    assert set(made[1:30]) == {1, 2}
    assert made[-40:] == [2] * 40


def test_the_next_training_of_the_same_form_begins_with_what_was_found(machine):
    machine.of_all = 4e-4
    former = Team(LARGE)
    machine.run(former, 1)
    machine.run(former, 150)
    assert machine.run(Team(LARGE), 30) == [2] * 30
    assert machine.run(Team((784, 127, 10)), 1) == [1]
    machine.of_all = 9e-3  # others came, which is noticed by the pace
    later = Team(LARGE)
    assert machine.run(later, 1) == [2]
    for _ in range(2):
        machine.run(later, 20)
    assert machine.run(later, 150)[-40:] == [1] * 40


def test_time_between_trainings_is_none_until_the_next_trial(machine):
    machine.of_all = 4e-4
    machine.run(Team(LARGE), 150)
    made = []
    for _ in range(40):
        machine.now += 30
        made += machine.run(Team(LARGE), 20)
    assert made.count(1) < 80  # trials take a part of 0.3 s of training, and no more


def test_short_trainings_make_one_trial_together(machine):
    machine.of_all = 1.1e-3
    for _ in range(12):
        choice = Team(LARGE)
        machine.run(choice, 1)
        machine.run(choice, 5)
    assert trial._trials[LARGE].has_ended
    assert machine.run(choice, 30) == [1] * 30


def test_it_is_looked_at_again_and_changes_with_the_machine(machine):
    machine.of_all = 5e-4
    choice = Team(LARGE)
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
    choice = Team((784, 4096, 4096, 10))
    machine.of_one, machine.of_all = 0.02, 0.01
    assert machine.run(choice, 1) == [2]
    assert machine.run(choice, 16) == [2] * 16
    machine.of_one = 0.005
    assert machine.run(choice, 20) == [2] * 20  # up to 0.37 s
    assert machine.run(choice, 20)[-3:] == [1] * 3


def test_trials_take_little_of_the_time(machine):
    machine.of_all = 0.08  # a step waits for the other thread's turn
    choice = Team(LARGE)
    machine.run(choice, 1)
    made = [number for _ in range(100) for number in machine.run(choice, 100)]
    assert 0 < made.count(2) * machine.of_all < 0.08 * (machine.now - 100)


def test_a_first_trial_is_repeated_soon(machine):
    """All threads may have been slow for just its while."""
    choice = Team(LARGE)
    machine.of_all = 4e-3
    assert machine.run(choice, 150)[-40:] == [1] * 40
    machine.of_all, began = 5e-4, machine.now
    while machine.run(choice, 5)[-1] == 1:
        assert machine.now < began + 0.5


@pytest.mark.parametrize(
    ("of_one", "of_all"),
    [(28e-3, 15e-3), (0.3, 0.15), (1e-3, 4e-4), (1e-3, 8.3e-4), (1e-3, 9.5e-4)],
)
def test_on_a_machine_at_rest_trials_take_next_to_nothing(machine, of_one, of_all):
    """Also of long steps, of which a single one is felt, as of 784-512-256-10 at batch 1024."""
    machine.of_one, machine.of_all = of_one, of_all
    choice = Team(LARGE)
    machine.run(choice, 1)
    machine.run(choice, int(2 / of_one))  # what is faster must be found out once
    began, ones = machine.now, 0
    while machine.now < began + 100:
        ones += machine.run(choice, int(0.05 / of_all) + 1).count(1)
    assert 0 < ones * (of_one - of_all) < 0.005 * (machine.now - began)


def test_others_are_noticed_by_the_pace_of_all_threads(machine):
    """Where a trial is seldom."""
    machine.of_one, machine.of_all = 28e-3, 15e-3
    choice = Team(LARGE)
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
    choice = Team(LARGE)
    machine.run(choice, 1)
    machine.run(choice, 20)
    machine.of_one, machine.of_all = 1e-3, 5e-3  # others came
    began = machine.now
    while machine.run(choice, 10, M // 4)[-1] == 2:
        assert machine.now < began + 0.7


@pytest.mark.parametrize(
    ("sizes", "m", "cores", "most"),
    [
        ((64, 32, 10), 128, 8, 1),
        ((784, 64, 10), 32, 8, 2),
        ((784, 128, 10), 128, 8, 4),
        ((784, 128, 10), 128, 2, 2),
        ((784, 512, 256, 10), 1024, 8, 8),
        ((784, 512, 256, 10), 1024, 1, 1),
        ((), 1024, 8, 1),
    ],
)
def test_workers_are_as_many_as_have_something_to_do(sizes, m, cores, most, monkeypatch):
    """A block of a batch each, and a core."""
    monkeypatch.setattr(team, "all_threads", lambda: cores)
    assert Team(sizes).most(m) == most


def test_whoever_asks_for_one_thread_has_one_worker():
    """As by `xpnet.use_threads` or OMP_NUM_THREADS, which set the number of the BLAS."""
    with at_most(1):
        assert Team(LARGE).most(M) == 1


def test_beside_other_threads_there_is_one(machine, monkeypatch):
    monkeypatch.setattr(team, "is_alone", lambda: False)
    machine.of_one = 9.0
    assert machine.run(Team(LARGE), 50) == [1] * 50


def test_a_few_steps_of_little_work_are_made_by_one(machine):
    """They would be made before another thread has begun."""
    machine.of_all = 1e-4
    choice = Team((784, 64, 10))
    for _ in range(20):
        machine.run(choice, 100, 32)
    assert machine.run(choice, 100, 32) == [2] * 100
    assert machine.run(choice, 3, 32) == [1] * 3


def test_the_newest_trial_counts_for_other_products_for_a_while(machine):
    machine.of_all = 0.1
    choice = Team(LARGE)
    machine.run(choice, 1)
    machine.run(choice, 100)
    assert trial.prefers_one()
    machine.now += 60
    assert not trial.prefers_one()
