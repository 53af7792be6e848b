from __future__ import annotations

import pickle

import pytest

from xpnet.exceptions import DataError, listed, one_line, quoted


def test_a_long_text_loses_its_middle():
    text = f"{'where ' * 40}{'what ' * 100}{'fix ' * 40}"
    said = str(DataError(text))
    assert len(said) <= 300
    assert said.startswith("where where")
    assert said.endswith("fix fix ")
    assert str(DataError("short")) == "short"


def test_an_error_goes_through_a_pipe():
    error = DataError("x" * 1000)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_long_cell_is_quoted_in_part():
    assert quoted("a\n") == r"'a\n'"
    assert len(quoted("x" * 1000)) == 40
    assert quoted("x" * 1000).endswith("…'")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], ""),
        (["a"], "'a'"),
        ([1, 2], "1, 2"),
        (range(100, 200), "100, 101, 102, 103, 104, 105, …"),
        (["x" * 100], "'" + "x" * 37 + "…'"),
    ],
)
def test_values_are_listed_as_far_as_there_is_room(values, said):
    assert listed(values, room=28) == said


def test_what_a_file_says_is_put_on_one_line():
    assert one_line("two\n\nlines") == "two lines"
