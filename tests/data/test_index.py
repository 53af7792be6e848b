from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xpnet.data import Classes, Columns, DataError, load, load_samples

FEATURES = [[5.5, 3.0], [7.0, 3.5], [4.5, 3.0], [6.0, 2.5], [5.0, 2.0]]
FRAME = pd.DataFrame(FEATURES, columns=["a", "b"]).assign(kind=[*"xyxyx"])
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
    np.testing.assert_array_equal(dataset.X_train, FEATURES)


def test_a_count_from_1_without_a_header(written):
    dataset = load(written(FRAME.set_index(np.arange(1, 6)), header=False))
    assert dataset.columns.indexed
    np.testing.assert_array_equal(dataset.X_train, FEATURES)


def test_what_is_no_index_is_kept(written):
    assert load(written(FRAME[::2], header=False)).X_train.shape == (3, 3)
    assert load(written(FRAME.set_index("a"))).X_train.shape == (5, 2)
    fractions = load(written(FRAME.set_index(np.arange(5) / 2)))
    assert fractions.columns.names == ("", "a", "b", "kind")


def test_a_feature_without_a_name_is_no_index(written):
    path = written(FRAME.set_index(np.array([3, 0, 3, 1, 0])))
    assert load(path).columns == Columns(("", "a", "b", "kind"), 3, named=True)
    named = Columns(("1", "2", "3"), 2, named=False)
    np.testing.assert_array_equal(load(path, columns=named).X_train, FEATURES)


def test_an_index_is_kept_where_that_is_asked_for(written):
    path = written()
    dataset = load(path, keep_index=True)
    assert dataset.columns == Columns(("", "a", "b", "kind"), 3, named=True)
    np.testing.assert_array_equal(load(path, columns=dataset.columns).X_train, dataset.X_train)
    with pytest.raises(DataError, match=r"has no column '': expected all features"):
        load(written(index=False), columns=dataset.columns)


@pytest.mark.parametrize("trained", ["with", "without", "with, no header", "without, no header"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("index", [True, False])
def test_files_with_and_without_it_agree(written, trained, header, index):
    learned = load(written(header="no" not in trained, index="without" not in trained))
    other = written(header=header, index=index)
    np.testing.assert_array_equal(load(other, columns=learned.columns).X_train, FEATURES)
    np.testing.assert_array_equal(load_samples(other, 2, columns=learned.columns), FEATURES)


def test_samples_without_labels(written):
    bare = FRAME[["a", "b"]]
    for named in (True, False):
        columns = load(written(header=named)).columns
        np.testing.assert_array_equal(load_samples(written(bare), 2, columns=columns), FEATURES)


def test_a_label_in_front_of_a_table_without_a_header(written):
    dataset = load(written(FRAME[["kind", "a", "b"]], header=False, index=False), label=0)
    assert dataset.columns == Columns(("0", "1", "2"), 0, named=False)
    np.testing.assert_array_equal(dataset.X_train, FEATURES)


def test_features_beside_an_index_without_a_header(written):
    columns = load(written(header=False)).columns
    options = {"columns": columns, "classes": Classes(("x", "y"))}
    bare = written(FRAME[["a", "b"]], header=False)
    np.testing.assert_array_equal(load_samples(bare, 2, **options), FEATURES)
    unknown = written(FRAME.assign(kind="?"), header=False, index=False)
    np.testing.assert_array_equal(load_samples(unknown, 2, **options), FEATURES)


def test_the_label_column_is_counted_in_the_file(written):
    path = written(FRAME[["kind", "a", "b"]])
    dataset = load(path, label="1")
    assert dataset.columns == Columns(("kind", "a", "b"), 0, named=True, indexed=True)
    assert dataset.y_train.tolist() == [*"xyxyx"]
