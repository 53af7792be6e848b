from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from tests.kernels import tables
from xpnet.kernels import OUTPUTS
from xpnet.metrics import SCORES

LN2 = math.log(2)


class Worked(NamedTuple):
    """Predictions, targets and the score, by hand."""

    output: str
    A: list
    Y: list
    score: float


BY_HAND = [
    Worked("sigmoid", [[0.6, 0.4, 0.9, 0.2]], [[1, 0, 0, 0]], 3 / 4),
    # The second sample has one of its two outputs wrong, and so counts as wrong.
    Worked("sigmoid", [[0.6, 0.9], [0.1, 0.9]], [[1, 1], [0, 0]], 1 / 2),
    Worked("hinge", [[0.6, 0.4, 0.1, -0.2]], [[1, 1, 1, 1]], 3 / 4),
    Worked("hinge", [[0.6, 0.9], [-0.1, -0.9]], [[1, 1], [1, 0]], 1 / 2),
    Worked("softmax", [[0.5, 0.2, 0.3], [0.3, 0.7, 0.3], [0.2, 0.1, 0.4]], np.eye(3), 1),
    Worked("softmax", [[0.5, 0.2], [0.3, 0.7], [0.2, 0.1]], [[0, 0], [1, 1], [0, 0]], 1 / 2),
    # Squares left: 1 + 1 = 2 of 8; nothing left of 2.
    Worked("identity", [[1, 3, 4], [0, 1, 2]], [[0, 2, 4], [0, 1, 2]], (3 / 4 + 1) / 2),
    Worked("identity", [[2, 2, 2]], [[1, 2, 3]], 0),
    # A target that never varies has nothing to explain: all or nothing.
    Worked("identity", [[1, 2]], [[5, 5]], 0),
    Worked("identity", [[5, 5]], [[5, 5]], 1),
    Worked("identity", [[5, 5], [2, 2]], [[5, 5], [1, 3]], 1 / 2),
    Worked("exp", [[3, 3]], [[3, 3]], 1),
    Worked("exp", [[0, 0]], [[0, 0]], 1),
    # Deviances: a for y = 0, and 4 ln(4 / a) − 4 + a for y = 4; those of the mean add to 4 ln 2.
    Worked("exp", [[2, 2]], [[0, 4]], 0),
    Worked("exp", [[1, 4]], [[0, 4]], 1 - 1 / (4 * LN2)),
    Worked("exp", [[3, 3], [1, 4]], [[0, 0], [0, 4]], (0 + 1 - 1 / (4 * LN2)) / 2),
]


@pytest.mark.parametrize("worked", BY_HAND)
def test_numbers_worked_by_hand(xp, worked):
    score = score_of(worked.output)(xp.asarray(worked.A), xp.asarray(worked.Y))
    assert tuple(score.shape) == ()
    assert float(xp.to_numpy(score)) == pytest.approx(worked.score, rel=1e-5, abs=1e-6)


def score_of(output):
    return OUTPUTS[output].metric.score


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_name_of_the_metric(output):
    assert OUTPUTS[output].metric.name == tables.OUTPUTS[output].metric


@pytest.mark.parametrize("output", OUTPUTS)
def test_leading_axes_are_networks_of_their_own(xp, output):
    rng = np.random.default_rng(0)
    A, Y = rng.gamma(3.0, 0.2, (3, 2, 20)), rng.poisson(1.0, (2, 20))
    score = score_of(output)(xp.asarray(A), xp.asarray(Y))
    alone = [score_of(output)(a, Y.astype(float)) for a in A]
    np.testing.assert_allclose(xp.to_numpy(score), alone, rtol=1e-4)


@pytest.mark.parametrize("output", ["identity", "exp"])
def test_against_sklearn(output):
    metrics = pytest.importorskip("sklearn.metrics")
    theirs = {
        "identity": metrics.r2_score,
        "exp": lambda Y, A: np.mean(
            [metrics.d2_tweedie_score(y, a, power=1) for y, a in zip(Y.T, A.T, strict=True)]
        ),
    }[output]
    rng = np.random.default_rng(0)
    Y = rng.poisson(3.0, (3, 30)).astype(float)
    A = rng.gamma(3.0, 1.0, (3, 30))
    assert score_of(output)(A, Y) == pytest.approx(theirs(Y.T, A.T), rel=1e-12)


@pytest.mark.parametrize("Y", [[[5.0, 5.0]], [[0.0, 0.0]]])
def test_a_constant_target_is_scored_as_sklearn_does(Y):
    metrics = pytest.importorskip("sklearn.metrics")
    for A in (Y, [[5.0, 4.0]]):
        expected = metrics.r2_score(np.transpose(Y), np.transpose(A))
        assert score_of("identity")(np.asarray(A), np.asarray(Y)) == expected


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("output", "labels"),
    [
        ("sigmoid", lambda A: A.T > 0.5),
        ("hinge", lambda A: A.T > 0.0),
        ("softmax", lambda A: A.argmax(axis=0)),
    ],
)
def test_accuracy_is_sklearns_to_the_last_bit(output, labels, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    A, Y, s = rng.normal(size=(2, 43)), rng.integers(0, 2, (2, 43)), rng.random(43)
    is_right = Y.argmax(axis=0) if output == "softmax" else Y.T > 0.5
    expected = metrics.accuracy_score(is_right, labels(A), sample_weight=s if weighted else None)
    assert score_of(output)(A, Y, s[None, :] if weighted else None) == expected


@pytest.mark.parametrize("output", ["sigmoid", "hinge", "softmax", "identity"])
def test_a_sample_counts_as_often_as_it_weighs(xp, output):
    rng = np.random.default_rng(0)
    A, Y, s = rng.random((3, 2, 20)), rng.integers(0, 2, (2, 20)), rng.integers(0, 4, 20)
    score = score_of(output)(*map(xp.asarray, (A, Y.astype(float), s[None, :].astype(float))))
    often = np.repeat(np.arange(20), s)
    expected = score_of(output)(A[..., often], Y[:, often].astype(float))
    np.testing.assert_allclose(xp.to_numpy(score), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("output", "number"), [("identity", math.nan), ("identity", math.inf), ("exp", math.nan)]
)
@pytest.mark.parametrize("Y", [[[5.0, 5.0]], [[1.0, 5.0]]], ids=["constant", "varying"])
def test_a_prediction_that_is_no_number_has_no_score(xp, output, Y, number):
    score = score_of(output)(xp.asarray([[number, 5.0]]), xp.asarray(Y))
    assert math.isnan(float(xp.to_numpy(score)))


def test_a_prediction_that_shrank_to_0_has_a_finite_score(xp):
    """exp of a very negative logit is 0 in float32, and log 0 would be −inf."""
    score = score_of("exp")(xp.asarray([[0.0, 4.0, 0.0]]), xp.asarray([[1.0, 4.0, 0.0]]))
    assert -200 < float(xp.to_numpy(score)) < 0


def test_every_metric_is_a_score():
    assert {output.metric.name for output in OUTPUTS.values()} == set(SCORES)
