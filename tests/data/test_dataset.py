from __future__ import annotations

import re

import numpy as np
import pytest

from xpnet.data import Columns, DataError, Dataset, load, split


@pytest.fixture
def uneven():
    """100 samples of class 0, 50 of class 1, one of class 2; X holds each sample's number."""
    y = np.repeat([0, 1, 2], [100, 50, 1])
    return Dataset("uneven", np.arange(len(y), dtype=np.float32)[:, None], y)


def test_a_split_takes_the_same_share_of_each_class(uneven):
    parts = split(uneven, test=0.2)
    assert np.bincount(parts.y_test).tolist() == [20, 10]
    assert np.bincount(parts.y_train).tolist() == [80, 40, 1]


def test_a_split_keeps_every_sample_once_with_its_label(uneven):
    parts = split(uneven, test=0.3)
    numbers = np.concatenate([parts.X_train, parts.X_test])[:, 0].astype(int)
    labels = np.concatenate([parts.y_train, parts.y_test])
    assert sorted(numbers) == list(range(151))
    np.testing.assert_array_equal(labels, uneven.y_train[numbers])


def test_a_split_can_be_had_again_and_another_seed_differs(uneven):
    first, again, other = (split(uneven, seed=seed).X_test for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_split_works_on_text_labels_and_keeps_the_rest(uneven):
    texts = Dataset("t", uneven.X_train, np.array(["a", "b", "c"])[uneven.y_train], pixel_max=9)
    parts = split(texts)
    assert (parts.name, parts.pixel_max) == ("t", 9)
    np.testing.assert_array_equal(parts.X_test, split(uneven).X_test)


@pytest.mark.parametrize("share", [0, 1, -0.1, 20])
def test_a_share_outside_0_and_1(uneven, share):
    with pytest.raises(ValueError, match=f"test is {share}: expected a share between 0 and 1"):
        split(uneven, test=share)


def test_a_second_split(uneven):
    with pytest.raises(DataError, match="uneven has 30 test samples already"):
        split(split(uneven))


def test_too_few_samples_to_split():
    tiny = Dataset("tiny", np.zeros((3, 1)), np.array(["rose", "iris", "rose"]))
    with pytest.raises(
        DataError,
        match=r"^tiny has too few samples of a class to set 20% apart, at most 2 of 'iris', "
        "'rose': expected 3 or more of one; give more data or a larger share$",
    ):
        split(tiny)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.5, 0.9])
def test_the_error_says_how_many_samples_are_enough(share):
    def of(m):
        return Dataset("few", np.zeros((m, 1)), np.zeros(m, dtype=np.int64))

    with pytest.raises(DataError, match="at most 1 of 0: expected") as caught:
        split(of(1), test=share)
    enough = int(re.search(r"expected (\d+)", str(caught.value))[1])
    split(of(enough), test=share)
    with pytest.raises(DataError, match=f"expected {enough} or more"):
        split(of(enough - 1), test=share)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([["a"]]), "has dtype <U1: expected real numbers"),
        (np.zeros((2, 2), dtype=complex), "has dtype complex128: expected real numbers"),
        (np.zeros(3), r"has shape \(3,\): expected \(m, n_x\)"),
        (np.zeros((0, 3)), r"has shape \(0, 3\).* at least one"),
        (np.array([[1, 2], [3, np.nan]]), "holds nan at row 1, column 1 .*: expected finite"),
        (np.array([[-np.inf, 2]]), "holds -inf at row 0, column 0 .*fill it"),
    ],
)
def test_samples_that_cannot_be_used(npz, X, message):
    with pytest.raises(DataError, match=f"some.npz: x {message}"):
        load(npz(X=X, y=np.zeros(len(X))))


@pytest.mark.parametrize(
    ("label", "features"), [(0, ("a", "b")), (1, ("kind", "b")), (2, ("kind", "a"))]
)
def test_features_are_all_columns_but_the_label(label, features):
    assert Columns(("kind", "a", "b"), label, named=True).features == features
