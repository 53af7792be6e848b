from __future__ import annotations

from pathlib import Path

import pytest

from xpnet import backend
from xpnet.cli.options import check_eager, check_writable, described, one_of


def test_one_of_a_table():
    assert one_of("kind", "b", {"a": 1, "b": 2}) == 2
    with pytest.raises(ValueError, match=r"^--kind is 'c': expected one of a, b$"):
        one_of("kind", "c", {"a": 1, "b": 2})


def test_files_that_can_be_written(tmp_path):
    check_writable(save=tmp_path / "a", plot=tmp_path / "b", log=None)


@pytest.mark.parametrize("name", ["no_folder/model", "."], ids=["no folder", "a folder"])
def test_files_that_cannot(tmp_path, name):
    with pytest.raises(ValueError, match=r"--save .* cannot be written: expected a file's name"):
        check_writable(save=tmp_path / name)


def test_one_file_for_two_purposes():
    with pytest.raises(ValueError, match=r"--save and --plot are both x\.png: expected two names"):
        check_writable(save=Path("x.png"), plot=Path("x.png"))


def test_dask_is_refused():
    with pytest.raises(backend.BackendError, match="does not run on Dask: choose another"):
        check_eager(backend.resolve("dask"))


def test_a_backend_in_words():
    place = backend.resolve("numpy", dtype="float64")
    check_eager(place)
    assert described(place) == "numpy, cpu, float64"
