"""L-BFGS by threads that take blocks of the samples in turn: the same bits, and whose threads."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from xpnet import LogisticRegression
from xpnet.estimators import logistic
from xpnet.estimators._solvers import lbfgs


@pytest.mark.parametrize("weighted", [False, True])
def test_threads_that_take_blocks_in_turn_change_no_bit(digits, weighted, monkeypatch):
    weight = np.linspace(0.5, 1.5, len(digits.y)) if weighted else None
    fused = pytest.importorskip("xpnet.fused.numba")
    monkeypatch.setattr(lbfgs, "CACHED_ROWS", 100)
    models, seen = [], set()

    def by(threads):
        accelerator = replace(fused.ACCELERATOR, threads=lambda net: threads)
        monkeypatch.setattr(lbfgs, "accelerator_for", lambda like: accelerator)
        return LogisticRegression().fit(*digits, weight)

    pool = lbfgs.ThreadPoolExecutor
    monkeypatch.setattr(lbfgs, "ThreadPoolExecutor", lambda n: seen.add(n) or pool(n))
    models = [by(threads) for threads in (1, 3)]
    assert seen == {3}
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
    assert models[0].loss_ == models[1].loss_


@pytest.mark.parametrize(
    ("classes", "expected"), [(3, 1), (17, 2)], ids=["its own threads", "the BLAS's"]
)
@pytest.mark.parametrize("end", ["as usual", "Ctrl-C"])
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge after . iteration.* interrupted")
def test_products_between_the_blocks_take_one_thread(classes, expected, end, monkeypatch):
    """Where threads take blocks in turn; of many classes they do not."""
    blas = pytest.importorskip("xpnet.fused.numba.products.blas")
    get, set_ = blas.number_of_threads()
    rng, seen = np.random.default_rng(0), []
    X, y = rng.normal(size=(60, 4)), np.arange(60) % classes
    loss_on = logistic.loss_on

    def watched(*args):
        loss = loss_on(*args)

        def value_and_grad(params):
            seen.append(get())
            if end == "Ctrl-C" and len(seen) == 3:
                raise KeyboardInterrupt
            return loss(params)

        return value_and_grad

    monkeypatch.setattr(logistic, "loss_on", watched)
    # pytest-xdist has threads.
    monkeypatch.setattr(import_module("xpnet.fused.numba"), "is_alone", lambda: True)
    set_(2)
    try:
        LogisticRegression(max_iter=200).fit(X, y)
        after = get()
    finally:
        set_(1)
    assert set(seen) == {expected}
    assert after == 2
