from __future__ import annotations

import gzip
import io
import sys

import numpy as np
import pandas as pd
import pytest

from xpnet.data import DataError, load, load_samples

FRAME = pd.DataFrame({"a": [1.5, 2, 3], "b": [True, False, True], "kind": [*"xyx"]})
X = [[1.5, 1], [2, 0], [3, 1]]


@pytest.fixture
def pyarrow():
    return pytest.importorskip("pyarrow")


@pytest.mark.parametrize("name", ["t.tsv", "t.csv.gz", "t.TSV.gz"])
def test_tabs_and_compression_by_the_name(tmp_path, name):
    path = tmp_path / name
    text = FRAME.to_csv(index=False, sep="\t" if "tsv" in name.lower() else ",").encode()
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    dataset = load(path)
    assert dataset.name == "t"
    np.testing.assert_array_equal(dataset.X_train, X)
    np.testing.assert_array_equal(load_samples(path, 2, columns=dataset.columns), X)


def test_damaged_compression(tmp_path):
    path = tmp_path / "t.csv.gz"
    for content in (b"a,b\n1,x\n", gzip.compress(FRAME.to_csv().encode())[:-9]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t.csv.gz cannot be decompressed"):
            load(path)


def test_standard_input(monkeypatch):
    text = FRAME.to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    dataset = load("-")
    assert dataset.name == "stdin"
    np.testing.assert_array_equal(dataset.X_train, X)


@pytest.mark.parametrize("index", [None, [7, 5, 2]], ids=["no index", "index"])
def test_parquet_is_read_as_a_table(pyarrow, tmp_path, index):
    frame = FRAME.set_index(pd.Index(index)) if index else FRAME
    frame.to_parquet(tmp_path / "t.parquet")
    dataset = load(tmp_path / "t.parquet")
    np.testing.assert_array_equal(dataset.X_train, X)
    assert dataset.columns.features == ("a", "b")
    assert dataset.columns.indexed == (index is not None)


@pytest.mark.parametrize(
    "option", [{"decimal": ","}, {"encoding": "cp1252"}, {"delimiter": ";"}, {"header": False}]
)
def test_options_of_text_are_refused_for_parquet(pyarrow, tmp_path, option):
    FRAME.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"--.*, which is of text alone.*leave it out"):
        load(tmp_path / "t.parquet", **option)


def test_categories_gaps_and_dates_of_parquet(pyarrow, tmp_path):
    frame = FRAME.assign(
        sort=pd.Categorical(["u", None, "v"]), a=[1, np.nan, 3], day=pd.Timestamp("2020-01-02")
    )[["a", "sort", "day", "kind"]]
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"gaps in 'a' .*, words in 'sort' .*, dates in 'day'"):
        load(tmp_path / "t.parquet")
    dataset = load(tmp_path / "t.parquet", gaps=True, words=True, drop=["day"])
    np.testing.assert_array_equal(dataset.X_train, [[1, 1], [np.nan, 0], [3, 2]])


def test_parquet_that_does_not_serve(pyarrow, tmp_path):
    path = tmp_path / "t.parquet"
    FRAME.assign(list=[[1], [2], [3]]).to_parquet(path)
    with pytest.raises(DataError, match="has lists or records in column 'list'"):
        load(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"t.parquet cannot be read \(.*\): expected a Parquet"):
        load(path)


def test_without_pyarrow_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"which pyarrow reads: pip install 'xpnet\[parquet\]'"):
        load(tmp_path / "t.parquet")
