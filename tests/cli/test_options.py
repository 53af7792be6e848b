from __future__ import annotations

import pytest
from typer import BadParameter

from xpnet import backend
from xpnet.cli.options import (
    check_eager,
    describe_backend,
    number_in,
    plural,
    size,
)


def test_a_number_in_its_range():
    check = number_in("a number above 0", lambda value: value > 0)
    assert (check(0.5), check(None)) == (0.5, None)
    for value in (0.0, -1.0, float("nan")):
        with pytest.raises(BadParameter, match=rf"{value:g} is not a number above 0"):
            check(value)


@pytest.mark.parametrize(("count", "words"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs")])
def test_one_or_many(count, words):
    assert plural(count, "epoch") == words


def test_dask_is_refused():
    with pytest.raises(backend.BackendError, match="does not run on dask: choose another"):
        check_eager(backend.resolve("dask"))


def test_a_backend_in_words():
    numpy = backend.resolve("numpy", dtype="float64")
    check_eager(numpy)
    assert describe_backend(numpy) == "numpy, cpu, float64"


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
