from __future__ import annotations

import numpy as np
import pytest

from xpnet.data import Classes, Columns, DataError, Dataset, load
from xpnet.data.sense import check_classes

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
