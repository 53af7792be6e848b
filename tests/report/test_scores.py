from __future__ import annotations

import numpy as np
import pytest

from xpnet.report.scores import Classification


def of(y, P):
    return Classification.of(np.array(y), np.array(P))


def test_confidence_on_the_edge_of_a_bin():
    scores = of([0, 1, 0, 0], [[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [1.0 + 1e-7, 0.0]])
    accuracy, confidence, samples = scores.calibration()
    assert samples.tolist() == [2, 1, 1]
    assert accuracy.tolist() == [0.5, 1.0, 1.0]
    assert confidence == pytest.approx([0.5, 0.9, 1.0])
    assert scores.calibration_error() == pytest.approx(0.1 / 4)


def test_the_most_certain_mistakes_and_the_least_certain_samples():
    scores = of([0, 1, 2, 1], [[0.4, 0.6, 0], [0.8, 0.2, 0], [0.3, 0.33, 0.37], [0, 1, 0]])
    assert scores.most_certain_wrong().tolist() == [1, 0]
    assert scores.least_certain().tolist() == [2, 0, 1, 3]
    assert scores.confused() == [(0, 1, 1), (1, 0, 1)]


def test_a_class_that_no_sample_has_and_none_is_given():
    scores = of([0, 1], [[0.9, 0.1, 0.0], [0.9, 0.1, 0.0]])
    assert np.isnan(scores.per_class[2, :2]).all()
    assert scores.per_class[0].tolist() == pytest.approx([0.5, 1.0, 2 / 3, 1])
