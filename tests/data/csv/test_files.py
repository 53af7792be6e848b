from __future__ import annotations

import re
from itertools import product

import numpy as np
import pandas as pd
import pytest

from xpnet.data import Classes, Columns, DataError, load, load_samples

IRIS = "length,width,kind\n5.1,3.5,setosa\n7.0,3.2,versicolor\n4.9,3e0,setosa\n"
FEATURES = [[5.1, 3.5], [7.0, 3.2], [4.9, 3.0]]


@pytest.mark.parametrize("text", [IRIS, IRIS.partition("\n")[2]], ids=["header", "no header"])
def test_the_last_column_is_the_label(csv_file, text):
    dataset = load(csv_file(text))
    assert (dataset.name, dataset.pixel_max, dataset.X_test) == ("table", None, None)
    np.testing.assert_array_equal(dataset.X_train, FEATURES)
    assert dataset.y_train.tolist() == ["setosa", "versicolor", "setosa"]


@pytest.mark.parametrize("label", ["kind", "0", 0, -3])
def test_a_label_column_by_name_or_number(csv_file, label):
    dataset = load(csv_file("kind,a,b\nx,1,2\ny,3,4\n"), label=label)
    np.testing.assert_array_equal(dataset.X_train, [[1, 2], [3, 4]])
    assert dataset.y_train.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        (["1", "-2", "0"], np.int64),
        (["5", "18446744073709551615"], np.uint64),
        (["01", "1"], "U"),
        (["1_0", "10"], "U"),
        (["1e1", "10"], "U"),
        (["1.0", "1", "0"], "U"),
        (["1", "a", "2"], "U"),
        (["-1", "18446744073709551615"], "U"),
        (["1", "99999999999999999999999"], "U"),
        (["-0", "+1"], "U"),
    ],
)
def test_labels_are_whole_numbers_where_that_loses_nothing(csv_file, labels, dtype):
    rows = "".join(f"7, {label}\n" for label in labels)
    y = load(csv_file(f"a,kind\n{rows}")).y_train
    assert y.dtype.kind == np.dtype(dtype).kind
    assert [str(label) for label in y] == labels


@pytest.mark.parametrize(
    "text",
    [
        IRIS,
        "length,width\n5.1,3.5\n7.0,3.2\n4.9,3e0\n",
        "length,width,kind\n5.1,3.5,\n7.0,3.2,?\n4.9,3e0,\n",
    ],
    ids=["labels", "no labels", "empty labels"],
)
def test_samples_to_predict_with_or_without_labels(csv_file, text):
    np.testing.assert_array_equal(load_samples(csv_file(text), 2), FEATURES)


def test_samples_to_predict_with_a_label_in_front(csv_file):
    X = load_samples(csv_file("kind,a\nx,1\ny,2\n"), 1, label="kind")
    np.testing.assert_array_equal(X, [[1], [2]])


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("abc", "'abc'"), ("1_0", "'1_0'"), ("", "''"), ("nan", "'nan'"), ("-inf", "'-inf'")],
)
def test_a_feature_that_is_no_finite_number(csv_file, cell, shown):
    with pytest.raises(
        DataError, match=f"table.csv, line 3 has {shown} in column 'b': expected a finite number"
    ):
        load(csv_file(f"kind,a,b\nx,1,2\ny,3,{cell}\nx,4,5\n"), label="kind")


@pytest.mark.parametrize("cell", ["", "NaN", "NA", "?"])
def test_a_missing_label(csv_file, cell):
    with pytest.raises(
        DataError, match=rf"column 'kind' holds '{re.escape(cell)}' at row 1 .*: exp"
    ):
        load(csv_file(f"a,kind\n1,0\n2,{cell}\n"))


def test_quantities_as_labels(csv_file):
    with pytest.raises(
        DataError,
        match=r"'price' holds 2 different numbers in 2 rows, 1.5 am.*with xpnet.MLPRegressor",
    ):
        load(csv_file("a,price\n1,2.0\n2,1.5\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind\n1\n2\n", "table.csv has 1 column: expected features and a label"),
        ("a,b,a,kind\n1,2,3,x\n", "table.csv has more than one column 'a': columns are found by"),
        ("kind,a,kind\nx,1,y\n", "table.csv has more than one column 'kind': columns are found"),
        ("a,b\n1,2\n\n3,4,5\n", "table.csv, line 4 has 3 columns: expected 2, as in"),
    ],
)
def test_tables_that_do_not_serve(csv_file, text, message):
    with pytest.raises(DataError, match=message):
        load(csv_file(text))


TRAINED = Columns(("length", "width", "kind"), 2, named=True)
"""Of a model that was trained on IRIS."""


def test_the_columns_are_known(csv_file):
    assert load(csv_file(IRIS)).columns == TRAINED
    assert load(csv_file("kind,a\nx,1\ny,2\n"), label="kind").columns == Columns(
        ("kind", "a"), 0, True
    )
    assert load(csv_file("x,1\ny,2\n"), label="0").columns == Columns(("0", "1"), 0, False)


@pytest.mark.parametrize(
    "text",
    [
        "kind,width,length\nsetosa,3.5,5.1\nversicolor,3.2,7.0\nsetosa,3e0,4.9\n",
        "width,colour,kind,length,colour\n3.5,red,setosa,5.1,\n3.2,blue,versicolor,7,\n"
        "3,,setosa,4.9,\n",
        IRIS.partition("\n")[2],
    ],
    ids=["another order", "others between", "no header"],
)
def test_the_columns_of_the_training_are_found(csv_file, text):
    path = csv_file(text)
    dataset = load(path, columns=TRAINED)
    np.testing.assert_array_equal(dataset.X_train, FEATURES)
    assert dataset.y_train.tolist() == ["setosa", "versicolor", "setosa"]
    np.testing.assert_array_equal(load_samples(path, 2, columns=TRAINED), FEATURES)


def test_features_are_found_where_there_are_no_labels(csv_file):
    path = csv_file("width,length\n3.5,5.1\n3.2,7.0\n3e0,4.9\n")
    np.testing.assert_array_equal(load_samples(path, 2, columns=TRAINED), FEATURES)


def test_without_a_header_the_label_lies_where_it_lay_in_training(csv_file):
    trained = Columns(("kind", "a", "b"), 0, named=True)
    dataset = load(csv_file("x,1,2\ny,3,4\n"), columns=trained)
    np.testing.assert_array_equal(dataset.X_train, [[1, 2], [3, 4]])
    assert dataset.y_train.tolist() == ["x", "y"]


def test_a_model_of_a_table_without_header_takes_columns_by_place(csv_file):
    dataset = load(csv_file("kind,a,b\nx,1,2\ny,3,4\n"), columns=Columns(("0", "1", "2"), 0, False))
    np.testing.assert_array_equal(dataset.X_train, [[1, 2], [3, 4]])


def test_numbers_as_names_are_found_in_any_order(csv_file):
    trained = Columns(("0", "1", "kind"), 2, named=True)
    X = load_samples(csv_file("1,0\n5,6\n7,8\n"), 2, columns=trained)
    np.testing.assert_array_equal(X, [[6, 5], [8, 7]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("long,width,kind\n1,2,x\n", r"has no column 'length': .*first line has 'long', 'width'"),
        ("a,b,kind\n1,2,x\n", "has no column 'length', 'width': expected all features that the"),
        ("length,width,width,kind\n1,2,3,x\n", "has more than one column 'width': columns are"),
        ("length,width\n", "has a header, but no rows below it"),
    ],
)
def test_columns_of_the_training_that_are_not_found(csv_file, text, message):
    path = csv_file(text)
    with pytest.raises(DataError, match=f"table.csv {message}"):
        load_samples(path, 2, columns=TRAINED)


def test_a_label_that_is_not_there(csv_file):
    with pytest.raises(DataError, match=r"table.csv has no column 'kind', the label in training:"):
        load(csv_file("length,width\n1,2\n"), columns=TRAINED)


@pytest.mark.parametrize("columns", [TRAINED, Columns(("0", "1", "2"), 2, named=False)])
def test_without_a_header_the_width_must_be_that_of_the_training(csv_file, columns):
    path = csv_file("1,2,3,x\n4,5,6,y\n")
    message = (
        r"table.csv has 4 columns, and no names to find them by: expected 3, the label in column 2"
    )
    with pytest.raises(DataError, match=message):
        load(path, columns=columns)
    with pytest.raises(DataError, match=message):
        load_samples(path, 2, columns=columns)


NUMBERS = [[5.5, 3.0], [7.0, 3.5], [4.5, 3.0], [6.0, 2.5], [5.0, 2.0]]
FRAME = pd.DataFrame(NUMBERS, columns=["a", "b"]).assign(kind=[*"xyxyx"])
PLAIN = Columns(("a", "b", "kind"), 2, named=True)


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a frame as pandas does."""

    def write(frame=FRAME, **options):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        frame.to_csv(path, **options)
        return path

    return write


@pytest.mark.parametrize(
    "frame",
    [FRAME, FRAME.sample(frac=1, random_state=0), FRAME[::2], pd.concat([FRAME, FRAME])],
    ids=["in order", "shuffled", "a part", "twice"],
)
def test_an_index_of_pandas_is_no_feature(written, frame):
    dataset = load(written(frame))
    assert dataset.columns == PLAIN._replace(indexed=True)
    np.testing.assert_array_equal(dataset.X_train, frame[["a", "b"]])


def test_an_index_written_twice(written):
    path = written(pd.read_csv(written()), index=False)
    assert path.read_text().startswith("Unnamed: 0,")
    assert load(path).columns.indexed


def test_an_index_without_a_header(written):
    dataset = load(written(header=False))
    assert dataset.columns == Columns(("1", "2", "3"), 2, named=False, indexed=True)
    np.testing.assert_array_equal(dataset.X_train, NUMBERS)


def test_a_count_from_1_without_a_header(written):
    dataset = load(written(FRAME.set_index(np.arange(1, 6)), header=False))
    assert dataset.columns.indexed
    np.testing.assert_array_equal(dataset.X_train, NUMBERS)


def test_what_is_no_index_is_kept(written):
    assert load(written(FRAME[::2], header=False)).X_train.shape == (3, 3)
    assert load(written(FRAME.set_index("a"))).X_train.shape == (5, 2)
    fractions = load(written(FRAME.set_index(np.arange(5) / 2)))
    assert fractions.columns.names == ("", "a", "b", "kind")


def test_a_feature_without_a_name_is_no_index(written):
    path = written(FRAME.set_index(np.array([3, 0, 3, 1, 0])))
    assert load(path).columns == Columns(("", "a", "b", "kind"), 3, named=True)
    named = Columns(("1", "2", "3"), 2, named=False)
    np.testing.assert_array_equal(load(path, columns=named).X_train, NUMBERS)


def test_an_index_is_kept_where_that_is_asked_for(written):
    path = written()
    dataset = load(path, keep_index=True)
    assert dataset.columns == Columns(("", "a", "b", "kind"), 3, named=True)
    np.testing.assert_array_equal(load(path, columns=dataset.columns).X_train, dataset.X_train)
    with pytest.raises(DataError, match=r"has no column '': expected all features"):
        load(written(index=False), columns=dataset.columns)


@pytest.mark.parametrize("trained", ["with", "without", "with, no header", "without, no header"])
def test_files_with_and_without_it_agree(written, trained):
    learned = load(written(header="no" not in trained, index="without" not in trained))
    for header, index in product([True, False], repeat=2):
        other = written(header=header, index=index)
        np.testing.assert_array_equal(load(other, columns=learned.columns).X_train, NUMBERS)
        np.testing.assert_array_equal(load_samples(other, 2, columns=learned.columns), NUMBERS)


def test_samples_without_labels(written):
    bare = FRAME[["a", "b"]]
    for named in (True, False):
        columns = load(written(header=named)).columns
        np.testing.assert_array_equal(load_samples(written(bare), 2, columns=columns), NUMBERS)


def test_a_label_in_front_of_a_table_without_a_header(written):
    dataset = load(written(FRAME[["kind", "a", "b"]], header=False, index=False), label=0)
    assert dataset.columns == Columns(("0", "1", "2"), 0, named=False)
    np.testing.assert_array_equal(dataset.X_train, NUMBERS)


def test_features_beside_an_index_without_a_header(written):
    columns = load(written(header=False)).columns
    options = {"columns": columns, "classes": Classes(("x", "y"))}
    bare = written(FRAME[["a", "b"]], header=False)
    np.testing.assert_array_equal(load_samples(bare, 2, **options), NUMBERS)
    unknown = written(FRAME.assign(kind="?"), header=False, index=False)
    np.testing.assert_array_equal(load_samples(unknown, 2, **options), NUMBERS)


def test_the_label_column_is_counted_in_the_file(written):
    path = written(FRAME[["kind", "a", "b"]])
    dataset = load(path, label="1")
    assert dataset.columns == Columns(("kind", "a", "b"), 0, named=True, indexed=True)
    assert dataset.y_train.tolist() == [*"xyxyx"]
