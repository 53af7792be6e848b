from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from xpnet.estimators._scoring import accuracy, r2


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("shape", "weighted"), [((50,), False), ((50, 3), True)])
def test_accuracy(eager_xp, rng, shape, weighted):
    y, predicted = rng.integers(0, 2, (2, *shape))
    s = rng.random(50) if weighted else None
    arrays = [eager_xp.asarray(a, "int64") for a in (predicted, y)]
    weights = None if s is None else eager_xp.asarray(s, "float64")
    expected = accuracy_score(y, predicted, sample_weight=s)
    assert accuracy(*arrays, weights) == pytest.approx(expected)


@pytest.mark.parametrize(("n_outputs", "weighted"), [(1, False), (3, True)])
def test_r2(eager_xp, rng, n_outputs, weighted):
    y, predicted = rng.random((2, 40, n_outputs))
    s = rng.random(40) if weighted else None
    arrays = [eager_xp.asarray(a, "float64") for a in (predicted, y)]
    weights = None if s is None else eager_xp.asarray(s, "float64")
    assert r2(*arrays, weights) == pytest.approx(r2_score(y, predicted, sample_weight=s))


def test_r2_of_targets_that_are_all_the_same(eager_xp):
    y = eager_xp.asarray(np.ones((4, 2)))
    assert r2(y, y) == 1.0
    assert r2(y + 1.0, y) == 0.0


def test_r2_of_what_is_no_number(eager_xp):
    y = eager_xp.asarray([[1.0], [2.0]])
    assert math.isnan(r2(eager_xp.asarray([[math.nan], [0.0]]), y))
    assert math.isnan(r2(eager_xp.asarray([[math.inf], [0.0]]), y))
