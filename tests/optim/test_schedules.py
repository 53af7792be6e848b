from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.optim.cases import each_optimizer
from xpnet import optim


@pytest.mark.parametrize(
    ("schedule", "by_hand"),
    [
        (optim.constant(0.5), {1: 0.5, 1000: 0.5}),
        (optim.step(8.0, 3, factor=0.5), {1: 8, 3: 8, 4: 4, 6: 4, 7: 2}),
        (optim.step(8.0, 2), {2: 8, 3: 0.8, 5: 0.08}),
        (optim.exponential(8.0, 0.5), {1: 8, 2: 4, 3: 2}),
        (optim.exponential(8.0, 0.25, every=2), {1: 8, 2: 4, 3: 2}),
        (optim.inverse_scaling(6.0), {1: 6, 4: 3, 9: 2}),
        (optim.inverse_scaling(6.0, power=1.0), {1: 6, 2: 3, 3: 2}),
        (optim.cosine(4.0, 6), {1: 4, 3: 3, 4: 2, 5: 1, 7: 0, 100: 0}),
        (optim.cosine(4.0, 2, final=0.25), {1: 4, 2: 2.5, 3: 1, 100: 1}),
        (optim.warmup(8.0, 4), {1: 2, 2: 4, 4: 8, 5: 8, 100: 8}),
        (optim.warmup(optim.step(8.0, 4, factor=0.5), 2), {1: 4, 2: 8, 4: 8, 5: 4}),
        (optim.step(optim.exponential(8.0, 0.5), 2), {1: 8, 2: 4, 3: 0.2}),
        (optim.warmup(lambda t: 10.0 * t, 2), {1: 5, 2: 20, 3: 30}),
    ],
)
def test_numbers_worked_by_hand(schedule, by_hand):
    assert {t: schedule(t) for t in by_hand} == pytest.approx(by_hand, abs=1e-15)


@pytest.mark.parametrize(
    "wrap",
    [
        optim.constant,
        lambda rate: optim.step(rate, 2),
        lambda rate: optim.exponential(rate, 0.9),
        optim.inverse_scaling,
        lambda rate: optim.cosine(rate, 10),
        lambda rate: optim.warmup(rate, 4),
    ],
    ids=["constant", "step", "exponential", "inverse_scaling", "cosine", "warmup"],
)
def test_a_rate_for_each_network_of_a_stack(xp, wrap):
    rates = np.asarray([0.1, 2.0]).reshape(2, 1, 1)
    schedule = wrap(xp.asarray(rates))
    for t in (1, 3, 7):
        got = schedule(t)
        assert got.dtype == xp.xp.float32
        np.testing.assert_allclose(xp.to_numpy(got), rates * wrap(1.0)(t), rtol=1e-6)


@each_optimizer
def test_an_optimizer_tells_its_rate(name):
    make = optim.OPTIMIZERS[name].make
    assert make(0.25).rate(7) == 0.25
    assert make(optim.exponential(1.0, 0.5)).rate(3) == 0.25
    assert optim.clip(make(0.25), 1.0).rate(7) == 0.25


def test_cosine_falls_all_the_way():
    rates = [optim.cosine(1.0, 50)(t) for t in range(1, 60)]
    assert all(later <= earlier for earlier, later in pairwise(rates))
    assert math.isclose(sum(rates[:51]), 25.5)
