from __future__ import annotations

import json

import numpy as np
import pytest

from xpnet.data import Classes, DataError


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
