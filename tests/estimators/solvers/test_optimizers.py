from __future__ import annotations

import pytest

from xpnet.estimators._solvers.optimizers import LearningRate


def test_constant():
    rate = LearningRate(0.1, "constant", 0.5)
    rate.end_epoch(1000)
    assert rate(1) == rate(99) == 0.1
    assert not rate.lowered()


def test_inverse_scaling_by_samples_seen():
    rate = LearningRate(0.1, "invscaling", 0.5)
    assert rate(1) == 0.1
    rate.end_epoch(99)
    assert rate(1) == pytest.approx(0.01)
    rate.end_epoch(399)
    assert rate(1) == pytest.approx(0.005)


def test_adaptive_to_a_fifth_until_it_is_too_small():
    rate = LearningRate(6e-6, "adaptive", 0.5)
    rate.end_epoch(1000)
    assert rate(1) == 6e-6
    assert rate.lowered()
    assert rate(1) == pytest.approx(1.2e-6)
    assert rate.lowered()
    assert not rate.lowered()
    assert rate(1) == pytest.approx(2.4e-7)
