"""What an epoch costs beside its steps."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet import MLPClassifier, backend
from xpnet.estimators import _stochastic

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_losses_are_read_once_an_epoch(few, monkeypatch):
    sizes = []
    read = backend.read
    monkeypatch.setattr(
        _stochastic.backend, "read", lambda arrays: sizes.append(len(arrays)) or read(arrays)
    )
    MLPClassifier((4,), max_iter=3, batch_size=30).fit(*few)
    *epochs, finite = sizes
    assert epochs == [7] * 3
    assert finite == 4 + 2  # weights, and what they predict


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_takes_every_sample_once(few, monkeypatch, shuffle):
    seen = []
    batches = _stochastic.batches
    monkeypatch.setattr(
        _stochastic,
        "batches",
        lambda *args: (seen.append(batch.X) or batch for batch in batches(*args)),
    )
    MLPClassifier((4,), max_iter=2, batch_size=30, shuffle=shuffle).fit(*few)
    assert [X.shape for X in seen] == ([(64, 30)] * 6 + [(64, 20)]) * 2
    epochs = [np.concatenate(seen[:7], axis=1).T, np.concatenate(seen[7:], axis=1).T]
    for rows in epochs:
        assert np.array_equal(np.unique(rows, axis=0), np.unique(few.X, axis=0))
    assert np.array_equal(*epochs) == (not shuffle)


def test_samples_in_order_are_views(few):
    from xpnet.estimators._samples import Samples, batches

    samples = Samples(few.X, few.X[:, :1], None, few.y)
    batch = next(batches(samples, 50, False, np.random.RandomState(0)))
    assert np.shares_memory(batch.X, few.X)
