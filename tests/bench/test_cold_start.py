"""Training until an accuracy is reached: lessons, their exam, every peer, and the measurement."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from bench.peers import cold_start, lesson
from bench.peers.lesson import Exam, Lesson
from bench.peers.tasks import ACCURACY, OURS

GOAL = cold_start.Goal(0.9, "digits", (64, 16, 10), 16)
OURSELVES = ACCURACY.peers[0]


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "lesson.npz"
    samples, test = cold_start.parts(GOAL)
    lesson.write(path, samples, test, cold_start.first_weights(GOAL.sizes, seed=0))
    return Lesson(GOAL.sizes, GOAL.batch, GOAL.accuracy, 0, str(path))


def test_a_lesson_has_samples_of_whole_batches_and_the_first_weights(given):
    assert given.samples.X.dtype == np.float32
    assert given.samples.X.max() == 1
    assert len(given.samples.X) == len(given.samples.labels) == 89 * 16
    assert len(given.test.X) == 1797 - 1438
    assert [W.shape for W, _ in given.first_weights()] == [(16, 64), (10, 16)]
    first, second = (order for order, _ in zip(given.orders(), range(2), strict=False))
    assert first.shape == (89, 16)
    assert sorted(first.ravel()) == sorted(second.ravel()) == list(range(89 * 16))
    assert (first != second).any()


def test_an_exam_ends_at_the_goal(given):
    exam, right = Exam(given), given.test.labels
    assert not exam.over(np.where(np.arange(len(right)) % 5 == 0, -1, right))
    assert (exam.passed, exam.accuracy) == (False, pytest.approx(0.8, abs=0.01))
    assert exam.over(right)
    assert (exam.passed, exam.epochs) == (True, 2)


def test_an_exam_ends_after_the_last_epoch(given):
    exam, wrong = Exam(given), np.full(len(given.test.labels), -1)
    assert [exam.over(wrong) for _ in range(lesson.MOST_EPOCHS)].count(True) == 1
    assert (exam.passed, exam.epochs) == (False, lesson.MOST_EPOCHS)


# What other libraries warn of is not ours to mend.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", ACCURACY.peers, ids=lambda peer: peer.name)
def test_each_peer_learns_until_the_exam_is_over(peer, given, monkeypatch):
    if missing := peer.missing():
        pytest.skip(f"{', '.join(missing)} not installed")
    if peer.name == "torch.compile":
        import torch

        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    exam = Exam(given)
    peer.load()(given, exam.over)
    assert exam.passed
    assert 1 < exam.epochs < 30


def test_other_libraries_do_not_wait_for_xpnet():
    code = "import sys, bench.peers.worker, bench.peers.with_sklearn; print('xpnet' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_seconds_from_a_cold_start(monkeypatch):
    """By a clock that is read before a process starts and when it has learned."""
    moments, said = iter([100.0, 103.0, 110.0, 111.0]), []
    clock = SimpleNamespace(perf_counter=lambda: next(moments))
    monkeypatch.setattr(cold_start, "time", clock)
    cell = cold_start.measure(GOAL, [OURSELVES], 2, said.append)
    (row,) = cell["rows"]
    assert (row["peer"], row["role"], said) == (OURSELVES.name, OURS, [])
    assert (row["rounds"], row["seconds"], row["best"]) == ([3.0, 1.0], 2.0, 1.0)
    assert 1 < row["epochs"] < 30
    assert (cell["goal"], cell["samples"]) == (0.9, 89 * 16)


def test_a_goal_that_is_not_reached_has_no_seconds():
    (row,) = cold_start.measure(GOAL._replace(accuracy=1.1), [OURSELVES], 1, print)["rows"]
    assert (row["seconds"], row["best"], row["rounds"]) == (None, None, [None])
    assert row["epochs"] == lesson.MOST_EPOCHS


def test_a_peer_that_fails_is_left_out_with_its_reason():
    said = []
    unfit = OURSELVES._replace(environment={"XPNET_FUSED": "perhaps"})
    assert cold_start.measure(GOAL, [unfit], 2, said.append)["rows"] == []
    (line,) = said
    assert "XPNET_FUSED is 'perhaps'" in line


def test_mnist_is_learned_where_its_folder_is_named():
    assert [goal.dataset for goal in cold_start.goals(None)] == ["digits"]
    assert [goal.accuracy for goal in cold_start.goals("a/folder")] == [0.97, 0.98]
