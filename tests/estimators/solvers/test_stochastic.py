"""What an epoch costs beside its steps."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet import MLPClassifier, backend
from xpnet.data.batches import gathered, sliced
from xpnet.estimators._samples.batches import Draws, Samples, epochs_of_batches
from xpnet.estimators._solvers import stochastic
from xpnet.train.steps import Trainer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("fused", ["1", "0"])
def test_losses_are_read_once_an_epoch_or_run(few, monkeypatch, fused):
    monkeypatch.setenv("XPNET_FUSED", fused)
    sizes, read, looked_at, ends = [], backend.read, [], backend.ends
    runs, run = [], Trainer.run

    def counted(arrays):
        if not isinstance(arrays[0], float):  # the weights of batches are known to the host
            sizes.append(len(arrays))
        return read(arrays)

    def noted(*arguments):
        runs.append(run(*arguments))
        return runs[-1]

    def watched(arrays):
        looked_at.append(len(arrays))
        return ends(arrays)

    monkeypatch.setattr(backend, "read", counted)
    monkeypatch.setattr(backend, "ends", watched)
    monkeypatch.setattr(Trainer, "run", noted)
    MLPClassifier((4,), max_iter=3, batch_size=30).fit(*few)
    assert sizes in ([[7] * 3] if runs[-1] is None else ([7] * 3, [7, 14]))
    # Weights; and, where the runs tell no cost, logits and what they predict.
    assert looked_at[-1] == 4 + (2 if runs[-1] is None else 0)


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_trains_on_every_sample_once(few, monkeypatch, shuffle):
    seen = []

    def noted(*arguments):
        gather = backend.gather if shuffle else sliced
        for batches in epochs_of_batches(*arguments):
            seen.extend(batch.X for batch in gathered(batches, gather))
            yield batches

    monkeypatch.setattr(stochastic, "epochs_of_batches", noted)
    MLPClassifier((4,), max_iter=2, batch_size=30, shuffle=shuffle).fit(*few)
    assert [X.shape for X in seen] == ([(64, 30)] * 6 + [(64, 20)]) * 2
    epochs = [np.concatenate(seen[:7], axis=1).T, np.concatenate(seen[7:], axis=1).T]
    for rows in epochs:
        assert np.array_equal(np.unique(rows, axis=0), np.unique(few.X, axis=0))
    assert np.array_equal(*epochs) == (not shuffle)


def test_samples_in_order_are_views(few):
    samples = Samples(few.X, few.X[:, :1], None, few.y)
    batches = next(epochs_of_batches(samples, 50, False, Draws(0)))
    assert np.shares_memory(next(gathered(batches, sliced)).X, few.X)
