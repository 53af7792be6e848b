"""What runs of epochs hold in memory once a training is over."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from xpnet import MLPClassifier


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nothing_of_a_batch_in_its_own_order_is_held_once_it_is_trained_on(monkeypatch, rng):
    def train(m):
        X = rng.standard_normal((m, 2), "float32")
        settings = {"shuffle": False, "max_iter": 8, "random_state": 0}
        MLPClassifier((2,), batch_size=m, **settings).fit(X, X[:, 0] > 0)

    monkeypatch.setattr("xpnet.train.epochs.SECONDS", 1e9)
    train(10_000)
    tracemalloc.start()
    try:
        train(10_007)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 10_007 * 8
