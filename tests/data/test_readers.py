from __future__ import annotations

import numpy as np
import pytest

from xpnet.data import Columns, DataError, load, load_samples


@pytest.fixture
def sources(tmp_path, idx_folder, images, csv_file):
    """One source of each kind, by kind."""
    np.savez(tmp_path / "some.NPZ.npz", X=np.eye(3), y=np.arange(3))
    return {
        "digits": "digits",
        "folder": idx_folder(images),
        "npz": tmp_path / "some.NPZ.npz",
        "csv": csv_file("a,b,kind\n1,2,0\n3,4,1\n"),
    }


@pytest.mark.parametrize(
    ("kind", "name", "shape"),
    [
        ("digits", "digits", (1797, 64)),
        ("folder", "tiny", (5, 6)),
        ("npz", "some.NPZ", (3, 3)),
        ("csv", "table", (2, 2)),
    ],
)
def test_each_kind_of_source(sources, kind, name, shape):
    dataset = load(str(sources[kind]))
    assert (dataset.name, dataset.X_train.shape) == (name, shape)
    assert dataset.y_train.shape == shape[:1]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("digits", (1797, 64)), ("folder", (3, 6)), ("npz", (3, 3)), ("csv", (2, 2))],
)
def test_samples_of_each_kind_of_source(sources, kind, shape):
    assert load_samples(sources[kind], shape[1]).shape == shape


@pytest.mark.parametrize("kind", ["digits", "folder", "npz"])
def test_samples_of_another_width(sources, kind):
    with pytest.raises(DataError, match=r"has samples of .* features: expected 5, as the model"):
        load_samples(sources[kind], 5)


def test_a_table_of_another_width(sources):
    with pytest.raises(DataError, match=r"table.csv has samples of 2 features: expected 1"):
        load_samples(sources["csv"], 1, label="kind")


def test_the_label_column_is_handed_on(sources):
    assert load(sources["csv"], label="a").y_train.tolist() == [1, 3]


def test_the_columns_of_the_training_are_handed_on(sources):
    columns = Columns(("kind", "b", "a"), 0, named=True)
    np.testing.assert_array_equal(load(sources["csv"], columns=columns).X_train, [[2, 1], [4, 3]])
    np.testing.assert_array_equal(
        load_samples(sources["csv"], 2, columns=columns), [[2, 1], [4, 3]]
    )


@pytest.mark.parametrize("kind", ["digits", "folder", "npz"])
def test_where_there_are_no_columns_those_of_the_training_do_not_matter(sources, kind):
    columns = Columns(("a", "kind"), 1, named=True)
    assert load(sources[kind], columns=columns).columns is None


@pytest.mark.parametrize("kind", ["digits", "folder", "npz"])
def test_a_label_column_where_there_are_no_columns(sources, kind):
    with pytest.raises(DataError, match=r"label is 'y' \(--label\), but only a table"):
        load(sources[kind], label="y")


@pytest.mark.parametrize(
    "options", [{"header": False}, {"delimiter": ";"}, {"keep_index": True}], ids=str
)
def test_how_to_read_a_table_where_there_is_none(sources, options):
    name = next(iter(options))
    for kind in ("digits", "folder", "npz"):
        option = "header or --no-header" if name == "header" else name.replace("_", "-")
        with pytest.raises(
            DataError, match=rf"^{name} is \S+ \(--{option}\), but only a table has .*: leave"
        ):
            load(sources[kind], **options)


@pytest.mark.parametrize("kind", ["folder", "npz", "csv"])
def test_the_limit_is_handed_on(sources, kind):
    width = load(sources[kind], max_memory=10**6).X_train.shape[1]
    assert load_samples(sources[kind], width, max_memory=10**6).shape[1] == width
    for read in (load, lambda source, **limit: load_samples(source, width, **limit)):
        with pytest.raises(DataError, match="the limit"):
            read(sources[kind], max_memory=2)


def test_nothing_there(tmp_path):
    with pytest.raises(
        DataError, match=r"there is no file or folder .*gone.csv: expected 'digits'"
    ):
        load(tmp_path / "gone.csv")


def test_a_misspelt_name():
    with pytest.raises(DataError, match="there is no file or folder digit: expected 'digits', a"):
        load("digit")


def test_a_kind_that_cannot_be_read(tmp_path):
    path = tmp_path / "data.xlsx"
    path.touch()
    with pytest.raises(DataError, match=r"data.xlsx is of a kind that cannot be read: expected"):
        load(path)


def test_a_folder_of_the_name_of_a_built_in_is_had_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="digits has no file train-images"):
        load("./digits")


def test_a_model_that_fills_gaps_asks_for_no_table():
    columns = Columns(("a", "b", "kind"), 2, named=True)
    with pytest.raises(DataError, match="digits has samples of 64 features: expected 2"):
        load_samples("digits", 2, columns=columns, gaps=True)
