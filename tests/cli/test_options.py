from __future__ import annotations

import errno
from pathlib import Path

import pytest
from typer import BadParameter

from xpnet import backend
from xpnet.cli.options import (
    by_suffix,
    check_eager,
    check_writable,
    counted,
    described,
    number,
    one_of,
    size,
)


def test_one_of_a_table():
    assert one_of("kind", "b", {"a": 1, "b": 2}) == 2
    with pytest.raises(ValueError, match=r"^--kind is 'c': expected one of a, b$"):
        one_of("kind", "c", {"a": 1, "b": 2})


def test_files_that_can_be_written(tmp_path):
    check_writable("digits", save=tmp_path / "a", plot=tmp_path / "b", log=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_folder/model", "there is no folder .*no_folder, create it"),
        (".", "it is a folder, expected a file's name"),
    ],
    ids=["no folder", "a folder"],
)
def test_files_that_cannot(tmp_path, name, message):
    with pytest.raises(ValueError, match=rf"^--save: cannot write .*: {message}"):
        check_writable(save=tmp_path / name)


def test_a_folder_that_takes_no_file(tmp_path, monkeypatch):
    def refuse(**options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("xpnet.cli.options.TemporaryFile", refuse)
    with pytest.raises(ValueError, match=r"^--log: cannot write .*x: Read-only file system in .*;"):
        check_writable(log=tmp_path / "x")


def test_one_file_for_two_purposes():
    with pytest.raises(
        ValueError, match=r"--plot is x\.png, which --save writes: expected another"
    ):
        check_writable(save=Path("x.png"), plot=Path("x.png"))


def test_what_is_read_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"--out is .*data\.csv, which this command reads: expected"
    ):
        check_writable("model", "data.csv", out=tmp_path / "data.csv")


def test_a_table_by_suffix():
    assert by_suffix("plot", Path("a.b.PDF"), {".png": 1, ".pdf": 2}) == 2
    with pytest.raises(
        ValueError, match=r"^--plot is 'x': expected a name that ends in one of .a$"
    ):
        by_suffix("plot", Path("x"), {".a": 1})


def test_a_number_in_its_range():
    check = number("a number above 0", lambda value: value > 0)
    assert (check(0.5), check(None)) == (0.5, None)
    for value in (0.0, -1.0, float("nan")):
        with pytest.raises(BadParameter, match=rf"{value:g} is not a number above 0"):
            check(value)


@pytest.mark.parametrize(("count", "words"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs")])
def test_one_or_many(count, words):
    assert counted(count, "epoch") == words


def test_dask_is_refused():
    with pytest.raises(backend.BackendError, match="does not run on Dask: choose another"):
        check_eager(backend.resolve("dask"))


def test_a_backend_in_words():
    place = backend.resolve("numpy", dtype="float64")
    check_eager(place)
    assert described(place) == "numpy, cpu, float64"


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("1000", 1000),
        ("5000B", 5000),
        ("2kB", 2000),
        ("1.5 MB", 1_500_000),
        ("4g", 4 * 10**9),
        ("1TB", 10**12),
    ],
)
def test_a_size(text, nbytes):
    assert size(text) == nbytes


@pytest.mark.parametrize("text", ["", "MB", "-5", "5 PB", "1e9", "nan"])
def test_no_size(text):
    with pytest.raises(BadParameter, match="is not a size, such as 500MB or 4GB"):
        size(text)


@pytest.mark.parametrize("text", ["0", "1", "999B", "0.5kB", "0 GB"])
def test_a_size_too_small_for_any_data(text):
    with pytest.raises(BadParameter, match="is too little for any data: expected 1kB or more"):
        size(text)
