from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest

from xpnet import LogisticRegression
from xpnet.estimators._samples.labels import (
    BINARY,
    MULTICLASS,
    MULTILABEL,
    decoded,
    encoded,
    labels_of,
)

CASES = {
    "two-names": (np.asarray(["no", "yes", "no"]), BINARY, [[0], [1], [0]]),
    "two-numbers": (np.asarray([7, 3, 7]), BINARY, [[1], [0], [1]]),
    "truth": (np.asarray([True, False, True]), BINARY, [[1], [0], [1]]),
    "one-class": (np.asarray([5, 5, 5]), BINARY, [[0], [0], [0]]),
    "three-floats": (np.asarray([2.0, 9.0, 1.0]), MULTICLASS, [[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "columns": (np.asarray([[1, 0], [0, 0], [1, 1]]), MULTILABEL, [[1, 0], [0, 0], [1, 1]]),
}


@pytest.mark.parametrize(("y", "kind", "rows"), CASES.values(), ids=CASES)
def test_there_and_back(y, kind, rows):
    labels = labels_of(y)
    Y = encoded(labels, y, np.zeros(0, dtype=np.float32))
    assert (labels.kind, Y.tolist(), Y.dtype) == (kind, rows, np.float32)
    assert labels.n_outputs == Y.shape[1]
    back = decoded(labels, Y.T)
    assert (back == y).all()
    assert back.dtype == y.dtype


def test_the_threshold_and_the_first_of_equals():
    two, three = labels_of(np.asarray([0, 1])), labels_of(np.asarray([0, 1, 2]))
    assert decoded(two, np.asarray([[0.5, 0.51]])).tolist() == [0, 1]
    assert decoded(three, np.asarray([[0.2], [0.4], [0.4]])).tolist() == [1]


def test_labels_that_are_not_known():
    labels = labels_of(np.asarray([0, 1, 2]))
    with pytest.raises(ValueError, match=r"not among the classes \[0, 1, 2\]: leave their samples"):
        encoded(labels, np.asarray([1, 3]), np.zeros(0))


@pytest.mark.parametrize("weight", ["x", None])
def test_weights_of_classes_that_are_no_numbers(weight):
    with pytest.raises(TypeError, match=r"class_weight gives class 0 a weight of .*: expected a n"):
        LogisticRegression(class_weight={0: weight}).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("y", [[7, 1, 2, 9, 0, 3, 0], [True, False, True]])
def test_labels_of_a_library_that_leaves_them_unsorted(monkeypatch, y):
    """As `numpy.unique_values` does, and as the standard allows."""
    distinct = strict.unique_values
    monkeypatch.setattr(strict, "unique_values", lambda x: strict.flip(distinct(x)))
    classes = labels_of(strict.asarray(y)).classes
    assert np.asarray(classes).tolist() == sorted(set(y))


def test_labels_that_hardly_ever_come_again_are_warned_of():
    with pytest.warns(UserWarning, match="number of unique classes is greater than 50% of the"):
        labels_of(np.arange(30) % 20)
