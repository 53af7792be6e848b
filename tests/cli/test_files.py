from __future__ import annotations

import errno
from pathlib import Path

import pytest

from xpnet.cli.files import by_suffix, check_writable


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

    monkeypatch.setattr("xpnet.cli.files.TemporaryFile", refuse)
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
