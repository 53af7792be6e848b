from __future__ import annotations

import numpy as np

import xpnet
from xpnet.cli.results.scores import Scores
from xpnet.data import Classes


def test_accuracy_is_rounded_as_in_a_report():
    net = xpnet.Network((2, 2), output="softmax")
    params = [(np.eye(2, dtype=np.float32), np.zeros((2, 1), dtype=np.float32))]
    truths = np.eye(2, dtype=np.float32)[:, np.arange(160) % 2]
    X = np.where(np.arange(160) < 113, truths, 1 - truths)
    scores = Scores.of(net, xpnet.types.as_params(params), Classes(("a", "b")), (X, truths))
    assert scores.line() == "test accuracy 70.62% (160 samples)"
