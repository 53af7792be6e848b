"""Dropout masks: the same on every library, and of what look like independent units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet.kernels.dropout import dropout_mask, dropout_of

SHAPE = (300, 200)
STEPS = 40


def mask_of(rate=0.3, seed=0, step=1, layer=0, shape=SHAPE, like=None):
    like = np.zeros(1, "float32") if like is None else like
    return dropout_mask(dropout_of(rate, seed, step, layer + 1), layer, shape, like)


def dropped(**which):
    return mask_of(**which) == 0.0


def deviation(events, probability):
    """How many standard deviations a share of independent events lies off its expectation."""
    spread = math.sqrt(probability * (1 - probability) / events.size)
    return (events.mean() - probability) / spread


def deviations(events_of, probability):
    """Those of every step; each is normal with variance 1 if the events are independent."""
    return np.asarray([deviation(events_of(step), probability) for step in range(1, STEPS + 1)])


def looks_independent(found):
    """No step is far off, and the steps are spread as they should be: fixed seeds, so no luck."""
    return abs(found).max() < 4 and abs(found.mean()) < 4 / math.sqrt(STEPS) and found.std() < 1.5


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 0.5, 0.9])
def test_the_share_that_is_dropped(rate):
    assert looks_independent(deviations(lambda step: dropped(rate=rate, step=step), rate))


@pytest.mark.parametrize("axis", [0, 1], ids=["units", "samples"])
def test_no_row_and_no_column_has_more_than_its_share(axis):
    rate, counts = 0.3, np.stack([dropped(step=t).sum(axis=axis) for t in range(1, STEPS + 1)])
    n = SHAPE[axis]
    found = ((counts - n * rate) ** 2).sum() / (n * rate * (1 - rate))
    # Pearson's sum has as many degrees of freedom as there are counts, and twice the variance.
    assert abs(found - counts.size) < 4 * math.sqrt(2 * counts.size)


PAIRS = {
    "samples": lambda t: (dropped(step=t)[:, 1:], dropped(step=t)[:, :-1]),
    "units": lambda t: (dropped(step=t)[1:], dropped(step=t)[:-1]),
    "diagonals": lambda t: (dropped(step=t)[1:, 1:], dropped(step=t)[:-1, :-1]),
    "steps": lambda t: (dropped(step=t), dropped(step=t + 1)),
    "layers": lambda t: (dropped(step=t), dropped(step=t, layer=1)),
    "seeds": lambda t: (dropped(seed=t), dropped(seed=t + 1)),
    "a seed and a step": lambda t: (dropped(seed=t, step=t + 1), dropped(seed=t + 1, step=t)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_neighbours_know_nothing_of_each_other(pair):
    alike = deviations(lambda step: np.equal(*pair(step)), 0.3**2 + 0.7**2)
    assert looks_independent(alike)


def test_a_unit_s_masks_at_two_samples_say_nothing_of_another_unit_s():
    """Rows and columns are hashed apart first: the four corners of rectangles would show it."""

    def odd(step):
        corners = dropped(step=step).reshape(2, SHAPE[0] // 2, 2, SHAPE[1] // 2)
        return np.logical_xor.reduce(corners, axis=(0, 2))

    assert looks_independent(deviations(odd, (1 - 0.4**4) / 2))


def test_a_mask_is_0_or_the_inverse_of_what_is_kept():
    mask = mask_of(rate=0.2)
    assert mask.dtype == "float32"
    assert set(np.unique(mask)) == {np.float32(0.0), np.float32(1.25)}


def test_networks_of_a_stack_have_masks_of_their_own():
    mask = mask_of(shape=(3, 4, 5))
    assert mask.shape == (3, 4, 5)
    assert (mask.reshape(12, 5) == mask_of(shape=(12, 5))).all()
    assert len({network.tobytes() for network in mask}) == 3


def test_the_first_units_and_samples_are_those_of_a_larger_layer_and_batch():
    assert (mask_of(shape=(7, 5)) == mask_of()[:7, :5]).all()


def test_the_masks_of_a_seed_stay_as_they_are():
    """A new release must not train another network from the same seed."""
    assert np.packbits(mask_of(seed=1, step=2, layer=3, shape=(4, 16)) > 0).tolist() == WORKED


WORKED = [62, 187, 207, 123, 143, 169, 59, 217]


@pytest.mark.parametrize("seed", [2**31, 2**32 - 1, 2**64 + 5, 10**30])
def test_large_seeds_and_steps(seed):
    masks = [dropped(seed=seed, step=step) for step in (1, 2**31, 2**40)]
    assert all(abs(deviation(mask, 0.3)) < 4 for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 3


@pytest.mark.parametrize(("rate", "least"), [(1e-12, -(2**31)), (1 - 1e-12, 2**31 - 1)])
def test_rates_next_to_0_and_1(rate, least):
    assert dropout_of(rate, 0, 1, 1).least == least


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_masks_on_every_library(xp, dtype):
    like = xp.asarray(np.zeros((2, 2)), dtype)
    mask = mask_of(seed=5, shape=(3, 40, 20), like=like)
    assert mask.dtype == like.dtype
    expected = mask_of(seed=5, shape=(3, 40, 20), like=np.zeros(1, dtype))
    assert (xp.to_numpy(mask) == expected).all()
