"""Draws of fits that begin in the same state: made once, and the same as by itself."""

import numpy as np
import pytest

from xpnet import MLPClassifier
from xpnet.estimators._samples.batches import Draws, draws_shared
from xpnet.types import tensors


def numbers(count):
    """The key and the function of a draw."""
    return ("numbers", count), lambda rng: rng.uniform(size=count)


def test_the_same_seed_draws_once():
    with draws_shared() as held:
        first, second, other = (Draws(seed) for seed in (3, 3, 4))
        drawn = first.once(*numbers(5))
        assert second.once(*numbers(5)) is drawn
        assert "generator" not in vars(second)
        assert not np.array_equal(other.once(*numbers(5)), drawn)
        # From here on they differ, each as by itself.
        seed, others = first.seed("dropout"), second.once(*numbers(2))
        assert len(held) == 4
    alone = [np.random.RandomState(3) for _ in range(2)]
    assert all(np.array_equal(rng.uniform(size=5), drawn) for rng in alone)
    assert seed == alone[0].randint(2**31)
    assert np.array_equal(others, alone[1].uniform(size=2))


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_given_generator_is_left_as_it_would_be(is_shared):
    given = [np.random.RandomState(3) for _ in range(3)]
    expected = given[0].uniform(size=5)
    if is_shared:
        with draws_shared():
            drawn = [Draws(rng).once(*numbers(5)) for rng in given[1:]]
        assert drawn[0] is drawn[1]
    else:
        drawn = [Draws(rng).once(*numbers(5)) for rng in given[1:]]
    assert all(np.array_equal(each, expected) for each in drawn)
    assert len({rng.uniform() for rng in given}) == 1


def test_a_given_generator_of_another_kind_and_one_with_a_number_at_hand():
    """Of normal numbers two are made at a time, and the second is kept."""
    for kind in (np.random.MT19937, np.random.PCG64):
        generators = [np.random.RandomState(kind(3)) for _ in range(3)]
        generators[0].normal()
        generators[2].normal()
        with draws_shared():
            drawn = [Draws(rng).once(*numbers(5)) for rng in generators]
        assert np.array_equal(drawn[0], drawn[2])
        assert not np.array_equal(drawn[0], drawn[1])
        assert generators[0].normal() == generators[2].normal()


def test_what_is_not_kept_is_drawn_by_each():
    with draws_shared() as held:
        draws = Draws(3), Draws(3)
        first, second = (each.once(*numbers(5), is_kept=False) for each in draws)
        assert not held
        assert first is not second
        assert np.array_equal(first, second)
        assert draws[0].seed("dropout") == draws[1].seed("dropout")


def test_what_was_forgotten_is_drawn_again():
    with draws_shared() as held:
        first, second = Draws(3), Draws(3)
        first.once(*numbers(5))
        second.once(*numbers(5))
        held.clear()
        assert second.seed("dropout") == first.seed("dropout")


def test_models_that_begin_alike_share_no_memory():
    models = [MLPClassifier((4,)) for _ in range(2)]
    with draws_shared():
        first, second = (model._first_params((3, 4, 1), Draws(3), np.ones(1)) for model in models)
    for one, other in zip(tensors(first), tensors(second), strict=True):
        assert np.array_equal(one, other)
        assert not np.shares_memory(one, other)
