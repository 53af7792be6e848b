from __future__ import annotations

import numpy as np
import pytest

from xpnet.cli.training.splits import Shares, Split, evaluation_rows, evaluation_samples
from xpnet.data import DataError, Dataset

M = 100
X = np.arange(2.0 * M).reshape(M, 2)
Y = np.arange(M) % 2
PLAIN = Dataset("plain", X, Y)
SHARES = Shares(validation=0.1)
LARGE = Dataset("large", np.arange(2500.0).reshape(1250, 2), np.arange(1250) % 2)
DIVIDED = Dataset("divided", X, Y, X[:10] + 1000, Y[:10])


def rows(split, pair):
    """The samples as they were before scaling."""
    scaling = split.preprocessing.scaling
    return pair[0].T * scaling.scale + scaling.shift


@pytest.mark.parametrize(
    ("dataset", "validation", "words"),
    [
        (PLAIN, 0.1, "72 training, 8 validation, 20 test samples"),
        (PLAIN, None, "80 training, 0 validation, 20 test samples"),
        (LARGE, None, "900 training, 100 validation, 250 test samples"),
        (DIVIDED, 0.1, "90 training, 10 validation, 10 test samples"),
    ],
    ids=["plain", "without validation", "large", "with test samples"],
)
def test_every_sample_is_used_once(dataset, validation, words):
    split = Split.of(dataset, Shares(validation=validation))
    assert split.sizes() == words
    assert (split.n_x, split.n_y) == (2, 2)
    pairs = [pair for pair in (split.train, split.validation, split.test) if pair]
    found = np.concatenate([rows(split, pair) for pair in pairs])
    given = np.concatenate(
        [dataset.X_train, *(() if dataset.X_test is None else (dataset.X_test,))]
    )
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], given, atol=1e-3)


def test_scaling_is_learned_from_the_training_samples_alone():
    split = Split.of(DIVIDED, SHARES)
    np.testing.assert_allclose(split.train[0].mean(axis=1), 0.0, atol=1e-6)
    assert (split.test[0] > 5).all()


def test_the_test_samples_are_always_the_same():
    first, second = Split.of(PLAIN, SHARES), Split.of(PLAIN, Shares(validation=0.3))
    np.testing.assert_allclose(rows(first, first.test), rows(second, second.test), atol=1e-3)


def test_a_seed_and_a_share_choose_the_test_samples():
    first, second = (Split.of(PLAIN, Shares(0.3, seed=seed)) for seed in (0, 1))
    assert first.m_test == second.m_test == 30
    assert not np.array_equal(rows(first, first.test), rows(second, second.test))
    found = evaluation_samples(PLAIN, second.fingerprint, second.shares)[0]
    np.testing.assert_allclose(found, rows(second, second.test), atol=1e-3)


def test_too_few_samples():
    with pytest.raises(DataError, match="plain has too few samples of a class to set 10% apart"):
        Split.of(Dataset("plain", X[:6], Y[:6]), SHARES)


@pytest.mark.parametrize(
    ("dataset", "m", "words"),
    [
        (PLAIN, 20, "test samples of plain"),
        (
            Dataset("new", X + 1, Y),
            M,
            "all of new (which may include samples that the model was trained on)",
        ),
        (DIVIDED, 10, "test samples of divided"),
    ],
    ids=["trained on", "new", "with test samples"],
)
def test_what_to_evaluate_on(dataset, m, words):
    trained_on = Split.of(PLAIN, SHARES).fingerprint
    chosen, y, what = evaluation_samples(dataset, trained_on, SHARES)
    assert (len(chosen), len(y), what) == (m, m, words)
    numbers = evaluation_rows(dataset, trained_on, SHARES)
    assert (numbers is None) == (dataset is DIVIDED)
    if numbers is not None:
        np.testing.assert_array_equal(dataset.X_train[numbers], chosen)


@pytest.mark.parametrize("labels", [["0", "1"], ["0.0", "1.0"]])
def test_what_a_former_version_was_trained_on_is_known(labels):
    dataset = Dataset("plain", X, np.array(labels)[Y])
    assert (
        evaluation_samples(dataset, Split.of(PLAIN, SHARES).fingerprint, SHARES)[2]
        == "test samples of plain"
    )


def test_what_was_trained_on_is_not_evaluated_on():
    split = Split.of(PLAIN, SHARES)
    chosen, *_ = evaluation_samples(PLAIN, split.fingerprint, SHARES)
    np.testing.assert_allclose(chosen, rows(split, split.test), atol=1e-3)


def test_classes_that_weigh_the_same():
    y = np.repeat([0, 1], [30, 10])
    split = Split.of(Dataset("rare", X[:40], y), SHARES).balanced()
    # Of 22 and 7 training samples.
    for _, Y, weights in (split.train, split.validation):
        np.testing.assert_allclose(weights[0], Y.T @ [29 / 44, 29 / 14], rtol=1e-6)


def test_numbers_have_no_classes_to_weigh(fails, flowers):
    numbers = ("--task", "regression", "--label", "width", "--drop", "kind")
    line = fails("train", flowers(), *numbers, "--class-weight", "balanced")
    assert "--class-weight is for classes, but the labels are numbers" in line
