from __future__ import annotations

import re

import numpy as np

from bench import sparse


def test_texts_have_the_shape_of_real_ones():
    X, labels = sparse.text(200, 5_000)
    again = sparse.text(200, 5_000)
    assert (X != again.X).nnz == 0
    assert X.shape == (200, 5_000)
    assert set(labels.tolist()) <= set(range(sparse.CLASSES))
    np.testing.assert_allclose(X.multiply(X).sum(axis=1), 1.0)
    counts = np.sort(X.getnnz(axis=0))[::-1]
    assert counts[:50].mean() > 20 * counts[1_000:].mean()


def test_a_row_for_each_model_and_dtype(monkeypatch, capsys):
    monkeypatch.setattr(sparse, "SCORES", 1)
    assert sparse.main(["--texts", "60", "--words", "300", "--rounds", "1"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "float" in line]
    assert len(rows) == 2 * len(sparse.MODELS)
    for row in rows:
        assert re.fullmatch(
            r"\| \w+ \| float\d\d (\| [\d.]+ s ){2}\| [\d.]+ (\| [\d.]+ ms ){2}\| [\d.]+ \|", row
        )
