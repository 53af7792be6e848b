"""How many steps are one run: about `SECONDS` of them, by the time of the run before."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest

from tests.kernels.cases import random_case
from tests.train.cases import train
from xpnet.train.steps import Trainer

pytest.importorskip("numba")

EPOCHS = import_module("xpnet.train.epochs")


@pytest.fixture
def lengths(monkeypatch):
    """Trains two epochs of so many steps, which take `a_step` seconds each; the runs' lengths."""

    def of(steps, a_step, first):
        made, clock, run = [], SimpleNamespace(now=0.0), Trainer.run

        def timed(trainer, batches, begun, count):
            made.append(count)
            clock.now += count * a_step
            return run(trainer, batches, begun, count)

        monkeypatch.setattr(Trainer, "run", timed)
        monkeypatch.setattr(EPOCHS, "time", SimpleNamespace(perf_counter=lambda: clock.now))
        monkeypatch.setattr(EPOCHS, "_first_count", lambda run, params: first)
        train(random_case((3, 4, 2), m=steps), batch_size=1, epochs=2)
        assert sum(made) == 2 * steps
        return made

    return of


def test_the_first_is_short_and_the_second_at_most_so_many_times_as_long(lengths):
    assert lengths(500, EPOCHS.SECONDS / 1000, first=2) == [2, 2 * EPOCHS.GROWTH, 466, 500]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(90, [30] * 6), (124, [31] * 8), (44, [22] * 4), (43, [43] * 2), (20, [20] * 2)],
    ids=["fitting", "a little more", "half of one more", "less than that", "less than one"],
)
def test_those_of_an_epoch_are_of_one_length(steps, expected, lengths):
    """Rather than that a few steps are left for the last."""
    assert lengths(steps, EPOCHS.SECONDS / 29.5, first=29) == expected


def test_a_run_that_was_too_long_is_followed_by_a_shorter_one(lengths):
    assert lengths(100, EPOCHS.SECONDS / 9.9, first=50)[:3] == [50, 9, 9]
