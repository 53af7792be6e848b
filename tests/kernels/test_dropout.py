"""Dropout masks: the same on every library, and of what look like independent units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet.kernels.dropout import Dropout, dropout_masks, dropout_of

SHAPE = (300, 200)
STEPS = 40


def mask_of(rate=0.3, seed=0, step=1, layer=0, shape=SHAPE, like=None):
    like = np.zeros(1, "float32") if like is None else like
    return dropout_masks(dropout_of(rate, seed, step), [shape] * (layer + 1), like)[layer]


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


def test_no_distance_between_two_entries_makes_them_alike():
    """The autocorrelation at every distance, by the convolution theorem."""
    rate, total = 0.3, 0.0
    for step in range(1, STEPS + 1):
        spectrum = np.fft.rfft2(dropped(step=step) - rate)
        total = total + np.fft.irfft2(np.abs(spectrum) ** 2, s=SHAPE)
    entries = STEPS * SHAPE[0] * SHAPE[1]
    found = (total / (rate * (1 - rate) * math.sqrt(entries))).ravel()[1:]
    assert abs(found).max() < 5.5  # the largest of 60,000 normal numbers is 4.3 or so
    assert 0.95 < found.std() < 1.05


def test_units_are_not_alike_from_step_to_step():
    rate, steps = 0.3, 1000
    units = np.stack([dropped(step=step, shape=(24, 24)).ravel() for step in range(steps)]) - rate
    found = (units.T @ units) / (rate * (1 - rate) * math.sqrt(steps))
    found = found[np.triu_indices(len(found), 1)]
    assert abs(found).max() < 5.5
    assert 0.95 < found.std() < 1.05


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
    """Rows and columns are numbered apart: the four corners of rectangles would show it."""

    def odd(step):
        corners = dropped(step=step).reshape(2, SHAPE[0] // 2, 2, SHAPE[1] // 2)
        return np.logical_xor.reduce(corners, axis=(0, 2))

    assert looks_independent(deviations(odd, (1 - 0.4**4) / 2))


def test_a_mask_is_0_or_the_inverse_of_what_is_kept():
    mask = mask_of(rate=0.2)
    assert mask.dtype == "float32"
    assert set(np.unique(mask)) == {np.float32(0.0), np.float32(1.25)}


def test_the_first_samples_are_those_of_a_larger_batch():
    assert (mask_of(shape=(7, 5)) == mask_of(shape=(7, 99))[:, :5]).all()


def test_layers_and_networks_are_rows_of_one_mask():
    masks = dropout_masks(dropout_of(0.3, 0, 1), [(2, 3, 9), (2, 1, 9)], np.zeros(1))
    whole = mask_of(shape=(8, 9), like=np.zeros(1))
    assert (masks[0].reshape(6, 9) == whole[:6]).all()
    assert (masks[1].reshape(2, 9) == whole[6:]).all()


def test_networks_with_keys_of_their_own_have_the_masks_that_they_have_alone(xp):
    given, shapes = [(0.3, 5), (0.6, 8)], [(4, 9), (2, 9)]
    each = [dropout_of(rate, seed, 3) for rate, seed in given]

    def column(numbers, dtype):
        return xp.asarray(np.asarray(numbers).reshape(2, 1, 1), dtype)

    k, other_k = (column([dropout.keys[i] for dropout in each], "int32") for i in (0, 1))
    least = column([dropout.least for dropout in each], "int32")
    kept = column([dropout.kept for dropout in each], "float32")
    stacked = [(2, *shape) for shape in shapes]
    found = dropout_masks(Dropout(least, kept, (k, other_k)), stacked, kept)
    for network, dropout in enumerate(each):
        alone = dropout_masks(dropout, shapes, np.zeros(1, "float32"))
        for masks, expected in zip(found, alone, strict=True):
            np.testing.assert_array_equal(xp.to_numpy(masks)[network], expected)


def test_the_masks_of_a_seed_stay_as_they_are():
    """A new release must not train another network from the same seed."""
    assert np.packbits(mask_of(seed=1, step=2, layer=3, shape=(4, 16)) > 0).tolist() == WORKED


WORKED = [143, 155, 234, 127, 242, 248, 207, 95]


@pytest.mark.parametrize("seed", [2**31, 2**32 - 1, 2**64 + 5, 10**30])
def test_large_seeds_and_steps(seed):
    masks = [dropped(seed=seed, step=step) for step in (1, 2**31, 2**40)]
    assert all(abs(deviation(mask, 0.3)) < 4 for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 3


@pytest.mark.parametrize(("rate", "least"), [(1e-12, -(2**31)), (1 - 1e-12, 2**31 - 1)])
def test_rates_next_to_0_and_1(rate, least):
    assert dropout_of(rate, 0, 1).least == least


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_masks_on_every_library(xp, dtype):
    like = xp.asarray(np.zeros((2, 2)), dtype)
    mask = mask_of(seed=5, shape=(3, 40, 20), like=like)
    assert mask.dtype == like.dtype
    expected = mask_of(seed=5, shape=(3, 40, 20), like=np.zeros(1, dtype))
    assert (xp.to_numpy(mask) == expected).all()
