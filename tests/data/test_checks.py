from __future__ import annotations

import numpy as np
import pytest

from xpnet.data import DataError
from xpnet.data.checks import as_labels, as_samples, check_pair


def test_images_are_flattened():
    assert as_samples(np.zeros((2, 3, 4), dtype=np.uint8), "X").shape == (2, 12)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([["a"]]), "f.npz: X has dtype <U1: expected real numbers"),
        (np.zeros((2, 2), dtype=complex), "f.npz: X has dtype complex128: expected real numbers"),
        (np.zeros(3), r"f.npz: X has shape \(3,\): expected \(m, n_x\)"),
        (np.zeros((0, 3)), r"f.npz: X has shape \(0, 3\).* at least one"),
        (np.array([[1, 2], [3, np.nan]]), "holds nan at row 1, column 1 .*: expected finite"),
        (np.array([[-np.inf, 2]]), "holds -inf at row 0, column 0 .*fill it"),
    ],
)
def test_samples_that_cannot_be_used(X, message):
    with pytest.raises(DataError, match=message):
        as_samples(X, "f.npz: X")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([1, 0], dtype=np.uint8), np.array([1, 0], dtype=np.int64)),
        (np.array([1.0, -2.0]), np.array([1, -2], dtype=np.int64)),
        (np.array([True, False]), np.array([1, 0], dtype=np.int64)),
        (np.array(["a", "b"]), np.array(["a", "b"])),
    ],
)
def test_labels_become_integers_or_stay_text(y, expected):
    got = as_labels(y, "y")
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((3, 2)), r"f: y has shape \(3, 2\): expected \(m,\).*argmax\(axis=1\)"),
        (np.array([1j]), "f: y has dtype complex128: expected whole numbers or text"),
        (np.array([1.0, np.nan]), "f: y holds NaN at row 1 .*: expected a label for every sample"),
        (np.array([1.0, 2.5]), "f: y holds 2.5 at row 1 .*regression: use xpnet.MLPRegressor"),
        (np.array([1e30]), "f: y holds 1e\\+30 at row 0 .*expected whole numbers"),
        (np.array([np.inf]), "f: y holds inf at row 0"),
    ],
)
def test_labels_that_cannot_be_used(y, message):
    with pytest.raises(DataError, match=message):
        as_labels(y, "f: y")


def test_samples_and_labels_must_be_equally_many():
    with pytest.raises(DataError, match="f: 3 samples, but 2 labels: expected one label a sample"):
        check_pair(np.zeros((3, 1)), np.zeros(2), "f")


def test_labels_that_64_signed_bits_do_not_hold():
    y = as_labels(np.array([2**64 - 1, 3], dtype=np.uint64), "y")
    assert y.dtype == np.uint64
    assert y.tolist() == [2**64 - 1, 3]
    assert as_labels(np.array([2, 3], dtype=np.uint64), "y").dtype == np.int64


def test_samples_of_another_byte_order_become_native():
    X = as_samples(np.array([[1, 2]], dtype=">f8"), "X")
    assert X.dtype.isnative
    np.testing.assert_array_equal(X, [[1, 2]])
