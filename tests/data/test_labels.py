from __future__ import annotations

import json

import numpy as np
import pytest

from xpnet.data import Classes, Columns, DataError, Dataset, load
from xpnet.data.labels import check_classes, may_be_classes


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
    ("labels", "y", "numbers"),
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
def test_the_classes_decide_what_a_label_is(labels, y, numbers):
    np.testing.assert_array_equal(Classes(labels).encode(y).argmax(axis=1), numbers)


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
    classes = Classes.of(labels)
    assert classes.labels == (5, 2**63, 2**64 - 1)
    back = classes.decode(classes.encode(labels).argmax(axis=1))
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == np.uint64


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([1, 0], dtype=np.uint8), np.array([1, 0], dtype=np.int64)),
        (np.array([1.0, -2.0]), np.array([1, -2], dtype=np.int64)),
        (np.array([True, False]), np.array([1, 0], dtype=np.int64)),
        (np.array(["a", "b"]), np.array(["a", "b"])),
        (np.array([2, 3], dtype=np.uint64), np.array([2, 3], dtype=np.int64)),
        (np.array([2**64 - 1, 3], dtype=np.uint64), np.array([2**64 - 1, 3], dtype=np.uint64)),
    ],
)
def test_labels_become_integers_or_stay_text(npz, y, expected):
    got = load(npz(X=np.eye(len(y)), y=y)).y_train
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((3, 2)), r"y has shape \(3, 2\): expected \(m,\).*argmax\(axis=1\)"),
        (np.array([1j]), "y has dtype complex128: expected whole numbers or text"),
        (np.array([1.0, np.nan]), "y holds NaN at row 1 .*: expected a label for every sample"),
        (np.array([1.0, 2.5]), "y holds 2.5 at row 1 .*regression: use xpnet.MLPRegressor"),
        (np.array([1e30]), "y holds 1e\\+30 at row 0 .*expected whole numbers"),
        (np.array([np.inf]), "y holds inf at row 0"),
    ],
)
def test_labels_that_cannot_be_used(npz, y, message):
    with pytest.raises(DataError, match=f"some.npz: {message}"):
        load(npz(X=np.eye(len(y)), y=y))


RNG = np.random.default_rng(0)


def table(y, X=None, name="target"):
    X = RNG.normal(size=(len(y), 2)) if X is None else X
    return Dataset("houses", X, np.asarray(y), columns=Columns(("a", "b", name), 2, True))


@pytest.mark.parametrize(
    "y",
    [
        [0, 1] * 5,
        np.arange(100) % 10,
        np.repeat(np.arange(1000), 20),
        np.repeat(["a", "b", "c"], [90, 9, 1]),
        np.repeat(np.arange(25), [*[10] * 20, 1, 1, 1, 1, 1]),
        np.repeat([f"species {k}" for k in range(30)], [*[2] * 15, *[100] * 15]),
    ],
    ids=["two", "ten", "a thousand", "a rare one", "a few rare ones", "a long tail"],
)
def test_classes(y):
    check_classes(table(y))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (RNG.integers(25, 347, 442), r"holds 2\d\d different values in 442 samples.*MLPRegressor"),
        (RNG.integers(0, 1300, 5000), r"holds 12\d\d different values in 5000 .*xpnet.MLPRegr"),
        (np.arange(15), "holds 15 different values in 15 samples: expected classes of several"),
        ([f"x{k}" for k in range(50)], r"50 different values in 50.*column \(--label\)$"),
        (["one"] * 9, r"holds only 'one' in 9 samples: .*name the label"),
    ],
    ids=["diabetes", "1300", "few samples", "identifiers", "one class"],
)
def test_labels_that_make_no_sense_as_classes(y, message):
    with pytest.raises(DataError, match=f"^houses: label column 'target' .*{message}"):
        check_classes(table(y))


def test_texts_of_a_column_that_was_chosen_are_classes():
    names = [f"name {k % 40}" for k in range(100)]
    check_classes(table(names), chosen=True)
    with pytest.raises(DataError, match=r"holds 40 different values .*column \(--label\)$"):
        check_classes(table(names))
    with pytest.raises(DataError, match=r"in 100 samples: .* each; quantities are learned by"):
        check_classes(table(np.arange(100) % 40), chosen=True)
    with pytest.raises(DataError, match=r"in 100 samples: .* each; quantities are learned by"):
        check_classes(table([f"{k % 40}.0" for k in range(100)]), chosen=True)
    with pytest.raises(DataError, match=r"in 40 samples: .* each; give more samples"):
        check_classes(table(names[:40]), chosen=True)


def test_labels_of_no_table():
    with pytest.raises(DataError, match=r"^houses: y holds only 3 in 9 samples: .*; give more"):
        check_classes(Dataset("houses", np.zeros((9, 1)), np.full(9, 3)))


def test_a_label_in_the_first_column_is_suggested(csv_file):
    X = np.stack([np.arange(40) % 3, RNG.normal(size=40)], axis=1)
    with pytest.raises(DataError, match="first column looks like the label: --label 'a'"):
        check_classes(table(np.arange(40), X))
    rows = "".join(f"{k % 3},{k / 7:.2f},{k / 3:.3f}\n" for k in range(40))
    with pytest.raises(DataError, match=r"'y' holds 40 different numbers in 40 rows, .*'kind'"):
        load(csv_file(f"kind,x,y\n{rows}"))
    with pytest.raises(DataError, match=r"has 'rose' in column 'kind': .*\(--label 'kind'\)"):
        load(csv_file("kind,x,y\nrose,1,2\niris,3,4\n"))


def test_a_regression_table(csv_file):
    rows = "".join(f"{k % 7 / 2},{k / 3:.3f}\n" for k in range(40))
    with pytest.raises(DataError, match=r"column 'y' holds 40 different numbers .*MLPRegressor"):
        load(csv_file(f"x,y\n{rows}"))


def test_fractions_of_many_samples_each_are_classes_where_their_column_is_chosen(csv_file):
    rows = "".join(f"{k / 7},{k % 8 / 2},{k / 3:.3f}\n" for k in range(80))
    path = csv_file(f"x,stars,z\n{rows}")
    dataset = load(path, label="stars")
    classes = Classes.of(dataset.y_train)
    assert classes.labels == ("0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0", "3.5")
    again = load(path, columns=dataset.columns, classes=classes)
    assert classes.encode(again.y_train).sum(axis=0).tolist() == [10] * 8
    with pytest.raises(DataError, match=r"labels; quantities are learned by regression"):
        load(path, label="z")


def test_a_column_of_few_whole_numbers_that_are_there_five_times_may_be_classes():
    assert may_be_classes(np.repeat([0.0, 1.0], 5))
    for values in (np.repeat([0.0, 1.0], (5, 4)), np.repeat([0.0, 0.5], 5), np.zeros(10)):
        assert not may_be_classes(values)
