"""What a trial of one thread against all chooses."""

from __future__ import annotations

import pytest

from xpnet.fused.numba.threads.trial import CHUNK, Trial


def tried(trial, one, every):
    """Enter parts of so many seconds a step, with one thread and with all, until it chooses."""
    for _ in range(100):
        way, count = trial.next()
        if trial.enter(way, 128, count, count * (one if way else every)):
            return trial.one
    raise AssertionError("no choice after 100 parts")


@pytest.mark.parametrize(
    ("began_with_one", "one", "every", "expected"),
    [
        (True, 1.0, 0.99, False),  # the first choice is the faster way
        (True, 0.99, 1.0, True),
        (False, 0.99, 1.0, True),
        (False, 1.0, 0.99, False),
    ],
)
def test_the_first_choice_is_the_faster_way(began_with_one, one, every, expected):
    assert tried(Trial(began_with_one, 0.0), one * 0.4 * CHUNK, every * 0.4 * CHUNK) is expected


@pytest.mark.parametrize(
    ("found_one", "one", "every", "expected"),
    [
        (True, 1.0, 0.97, False),  # back to all by any gain
        (False, 0.97, 1.0, False),  # to one thread by a clear one alone
        (False, 0.85, 1.0, True),
    ],
)
def test_one_thread_again_needs_a_clear_gain(found_one, one, every, expected):
    trial = Trial(True, 0.0)
    first = (1.0, 2.0) if found_one else (2.0, 1.0)
    assert tried(trial, *(seconds * 0.4 * CHUNK for seconds in first)) is found_one
    assert tried(trial, one * 0.4 * CHUNK, every * 0.4 * CHUNK) is expected


@pytest.mark.parametrize(("of_one", "ends"), [(1.1e-3, 15), (1.5e-3, 10)])
def test_a_trial_ends_early_where_what_is_in_use_is_clearly_faster(of_one, ends):
    trial = Trial(one=False, due=0.0)
    rounds = range(1, 40)
    ended = [trial.enter(False, 128, 1, 1e-3) | trial.enter(True, 128, 1, of_one) for _ in rounds]
    assert rounds[ended.index(True)] == ends
    assert not trial.one


def test_a_clear_gain_is_believed_after_a_whole_trial_alone():
    trial = Trial(one=True, due=0.0)
    both = [(False, 128, 10, 6e-3), (True, 128, 10, 10e-3)]
    assert not any(trial.enter(*part) for part in [*both, *both, both[0]])
    assert trial.enter(*both[1])
    assert not trial.one


@pytest.mark.parametrize(("one", "ends"), [(True, 6), (False, 5)])
def test_a_chunk_that_took_long_by_chance_does_not_count(one, ends):
    """As the first of all threads, which have yet to wake up."""
    trial = Trial(one=one, due=0.0)
    slow = [(False, 128, 10, 30e-3), (True, 128, 10, 10e-3)]
    usual = [(False, 128, 10, 6e-3), (True, 128, 10, 10e-3)]
    ended = [trial.enter(*part) for part in [*slow, *usual, *usual]]
    assert ended.index(True) + 1 == ends
    assert not trial.one


def test_chunks_alternate_however_long_one_took():
    trial, ways = Trial(one=True, due=0.0), []
    for pace in (10e-3, 99e-3, 10e-3, 11e-3, 10e-3, 11e-3):
        way, count = trial.next()
        ways.append(way)
        trial.enter(way, 128, count, count * pace)
    assert ways == [True, False] * 3
    assert trial.has_ended


def test_parts_that_a_training_cuts_short_are_one_chunk():
    trial, ways = Trial(one=True, due=0.0), []
    for _ in range(12):
        ways.append(trial.next()[0])
        trial.enter(ways[-1], 128, 1, 2e-3)
    assert ways == [True, True, True, False, False, False] * 2
    assert not trial.has_ended
