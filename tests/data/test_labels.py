from __future__ import annotations

import json

import numpy as np
import pytest

from xpnet.data import Classes, DataError
from xpnet.data.checks import as_labels
from xpnet.data.labels import as_whole_numbers


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (np.array([3, 1, 3, -2]), (-2, 1, 3)),
        (np.array(["setosa", "virginica", "setosa"]), ("setosa", "virginica")),
    ],
)
def test_labels_to_one_hot_and_back(y, labels):
    classes = Classes.of(y)
    Y = classes.encode(y)
    assert classes.labels == labels
    assert Y.shape == (len(y), len(labels))
    assert Y.dtype == np.float32
    np.testing.assert_array_equal(Y.sum(axis=1), 1)
    np.testing.assert_array_equal(classes.decode(Y.argmax(axis=1)), y)


def test_one_hot_by_hand():
    np.testing.assert_array_equal(
        Classes((2, 5, 7)).encode(np.array([5, 2, 7])), [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    )


@pytest.mark.parametrize("y", [np.array([3, 1]), np.array(["b", "a"])])
def test_classes_survive_json(y):
    classes = Classes.of(y)
    assert Classes(tuple(json.loads(json.dumps(classes.labels)))) == classes


def test_unseen_labels_are_named():
    with pytest.raises(DataError, match=r"not trained on: 4, 9\. Expected some of 0, 1; train"):
        Classes((0, 1)).encode(np.array([0, 9, 4, 1]))


def test_labels_of_another_kind_are_unseen():
    with pytest.raises(DataError, match=r"not trained on: 'cat'. Expected some of 0, 1"):
        Classes((0, 1)).encode(np.array(["cat"]))


def test_many_unseen_labels_are_named_in_part():
    with pytest.raises(DataError, match=r"not trained on: 2, 3, .* 24, …. Expected"):
        Classes((0, 1)).encode(np.arange(100))


def test_one_class_is_too_few():
    with pytest.raises(DataError, match="y holds one class only, 7: expected two or more"):
        Classes.of(np.array([7, 7]))


def test_classes_in_any_order():
    Y = Classes(("rose", "iris", "lily")).encode(np.array(["iris", "rose", "lily"]))
    np.testing.assert_array_equal(Y, [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(
        Classes((7, 2, 5)).encode(np.array([5, 2, 7])), [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    )


@pytest.mark.parametrize(
    ("labels", "y", "places"),
    [
        (("1", "2", "x"), np.array([2, 1]), [1, 0]),
        ((1, 2), np.array(["2", "1"]), [1, 0]),
        ((1, 2), np.array(["2.0", "1.0"]), [1, 0]),
        (("1.0", "2.0", "x"), np.array([1, 2]), [0, 1]),
        (("1", "1.0"), np.array(["1.0", "1"]), [1, 0]),
        (("1", "1.0"), np.array([1]), [0]),
        ((0, 1), np.array([1.0, 0.0]), [1, 0]),
        (("01", "1"), np.array(["1", "01"]), [1, 0]),
        ((1, 2, 12), np.array(["02", "12", "01"]), [1, 2, 0]),
    ],
)
def test_the_classes_decide_what_a_label_is(labels, y, places):
    np.testing.assert_array_equal(Classes(labels).encode(y).argmax(axis=1), places)


@pytest.mark.parametrize(
    ("labels", "y"),
    [
        ((1, 2), np.array(["01", "1"])),
        ((1, 2), np.array(["01", "3"])),
        (("1", "2"), np.array(["01"])),
        ((10, 2), np.array(["1e1"])),
        ((10, 2), np.array(["1_0"])),
        (("1.0", "1.00"), np.array([1])),
        (("01", "02"), np.array([1])),
    ],
)
def test_a_label_that_may_mean_another_is_unseen(labels, y):
    with pytest.raises(DataError, match="labels that the model was not trained on"):
        Classes(labels).encode(y)


def test_labels_of_64_bits_stay_themselves():
    labels = np.array([2**64 - 1, 2**63, 5, 2**63], dtype=np.uint64)
    classes = Classes.of(as_labels(labels, "y"))
    assert classes.labels == (5, 2**63, 2**64 - 1)
    back = classes.decode(classes.encode(labels).argmax(axis=1))
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == np.uint64


@pytest.mark.parametrize(
    ("texts", "dtype"),
    [
        (["1", "-2", "0"], np.int64),
        (["5", "18446744073709551615"], np.uint64),
        (["01", "1"], "U"),
        (["1_0", "10"], "U"),
        (["1e1", "10"], "U"),
        (["1.0", "1"], "U"),
        (["-1", "18446744073709551615"], "U"),
        (["1", "99999999999999999999999"], "U"),
        (["-0", "+1"], "U"),
    ],
)
def test_texts_are_whole_numbers_where_that_loses_nothing(texts, dtype):
    y = as_whole_numbers(np.array(texts))
    assert y.dtype.kind == np.dtype(dtype).kind
    assert [str(label) for label in y] == texts
