from __future__ import annotations

import numpy as np
import pytest

from xpnet.cli.parts import Parts, unseen
from xpnet.data import DataError, Dataset

M = 100
X = np.arange(2.0 * M).reshape(M, 2)
Y = np.arange(M) % 2
PLAIN = Dataset("plain", X, Y)
DIVIDED = Dataset("divided", X, Y, X[:10] + 1000, Y[:10])


def rows(parts, pair):
    """The samples of a part as they were before scaling."""
    scaling = parts.preparation.scaling
    return pair[0].T * scaling.scale + scaling.shift


@pytest.mark.parametrize(
    ("dataset", "validation", "words"),
    [
        (PLAIN, 0.1, "72 training, 8 validation, 20 test samples"),
        (PLAIN, 0.0, "80 training, 0 validation, 20 test samples"),
        (DIVIDED, 0.1, "90 training, 10 validation, 10 test samples"),
    ],
    ids=["plain", "without validation", "with a test part"],
)
def test_every_sample_is_in_one_part(dataset, validation, words):
    parts = Parts.of(dataset, validation)
    assert parts.sizes() == words
    assert (parts.n_x, parts.n_y) == (2, 2)
    pairs = [pair for pair in (parts.train, parts.validation, parts.test) if pair]
    found = np.concatenate([rows(parts, pair) for pair in pairs])
    given = X if dataset is PLAIN else np.concatenate([X, DIVIDED.X_test])
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], given, atol=1e-3)


def test_scaling_is_learned_from_the_training_part_alone():
    parts = Parts.of(DIVIDED, 0.1)
    np.testing.assert_allclose(parts.train[0].mean(axis=1), 0.0, atol=1e-6)
    assert (parts.test[0] > 5).all()


def test_the_test_part_is_always_the_same():
    first, second = Parts.of(PLAIN, 0.1), Parts.of(PLAIN, 0.3)
    np.testing.assert_allclose(rows(first, first.test), rows(second, second.test), atol=1e-3)


def test_too_few_samples():
    with pytest.raises(DataError, match="plain has too few samples of a class to set 10% apart"):
        Parts.of(Dataset("plain", X[:6], Y[:6]), 0.1)


@pytest.mark.parametrize(
    ("dataset", "m", "words"),
    [
        (PLAIN, 20, "test part of plain"),
        (
            Dataset("new", X + 1, Y),
            M,
            "all of new (which may include samples that the model was trained on)",
        ),
        (DIVIDED, 10, "test part of divided"),
    ],
    ids=["trained on", "new", "with a test part"],
)
def test_what_to_evaluate_on(dataset, m, words):
    chosen, y, what = unseen(dataset, Parts.of(PLAIN, 0.1).fingerprint)
    assert (len(chosen), len(y), what) == (m, m, words)


@pytest.mark.parametrize("labels", [["0", "1"], ["0.0", "1.0"]])
def test_what_a_former_version_was_trained_on_is_known(labels):
    dataset = Dataset("plain", X, np.array(labels)[Y])
    assert unseen(dataset, Parts.of(PLAIN, 0.1).fingerprint)[2] == "test part of plain"


def test_what_was_trained_on_is_not_evaluated_on():
    parts = Parts.of(PLAIN, 0.1)
    chosen, *_ = unseen(PLAIN, parts.fingerprint)
    np.testing.assert_allclose(chosen, rows(parts, parts.test), atol=1e-3)
