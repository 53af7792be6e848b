from __future__ import annotations

import pytest

from xpnet.data import Columns, DataError
from xpnet.data.asked import Asked
from xpnet.data.table import column_place, named_places, open_table

ASKED = Asked(limit=2**30)
COLUMNS = Columns(("0", "1", "kind"), 2, named=True)


@pytest.mark.parametrize(
    ("text", "names", "lines"),
    [
        ("a,b,kind\n1,2,x\n3,4,y\n", ["a", "b", "kind"], [2, 3]),
        ("1,2,x\n3,4,y\n5,6,x\n", ["0", "1", "2"], [1, 2, 3]),
        ("0,1,2,target\n5,6,7,1\n", ["0", "1", "2", "target"], [2]),
        ("0,1,kind\n5,6,rose\n", ["0", "1", "kind"], [2]),
        ("5,6,rose\n0,1,iris\n", ["0", "1", "2"], [1, 2]),
        (",a,b\n0,1,2\n", ["", "a", "b"], [2]),
        ("1,NA,2\n3,4,5\n", ["0", "1", "2"], [1, 2]),
        ("NA,x\n1,y\n", ["0", "1"], [1, 2]),
        ("a,b\nred,x\n", ["a", "b"], [2]),
        ("a;b;kind\n1,5;2,5;x\n", ["a", "b", "kind"], [2]),
        ("1,2\n", ["0", "1"], [1]),
        ("a;b\n1,5;2\n", ["a", "b"], [2]),
        ("a\tb\n1\t2\n", ["a", "b"], [2]),
        ('"a","b"\n"1","2"\n', ["a", "b"], [2]),
        ("\n a , b \n\n1,2\n\n3,4", ["a", "b"], [4, 6]),
    ],
    ids=[
        "header",
        "none",
        "numbers as names",
        "numbers as names over texts",
        "texts without names",
        "index",
        "missing value is no header",
        "missing value and a label are no header",
        "no number anywhere",
        "decimal commas",
        "one row",
        "semicolon",
        "tab",
        "quoted",
        "blank lines and spaces",
    ],
)
def test_header_separator_and_lines(csv_file, text, names, lines):
    table = open_table(csv_file(text), ASKED)
    assert table.names == names
    assert table.has_header == (table.names != [*map(str, range(len(names)))])
    assert [row.line for row in table.rows] == lines


def test_a_byte_order_mark_is_no_part_of_a_name(csv_file):
    assert open_table(csv_file("a,b\n1,2\n", encoding="utf-8-sig"), ASKED).names == ["a", "b"]


@pytest.mark.parametrize(
    ("column", "place"), [("b", 1), ("0", 2), (0, 0), ("1", 1), ("-1", 2), (-3, 0)]
)
def test_a_column_by_name_or_else_by_number(csv_file, column, place):
    assert column_place(open_table(csv_file("a,b,0\n1,2,3\n"), ASKED), column) == place


@pytest.mark.parametrize("column", ["c", "3", 3, -4, "1.5"])
def test_a_column_that_is_not_there(csv_file, column):
    table = open_table(csv_file("a,b,kind\n1,2,3\n"), ASKED)
    with pytest.raises(DataError) as caught:
        column_place(table, column)
    assert (
        f"table.csv has no column {column!r}: expected a number from 0 to 2 or one of the names "
        "'a', 'b', 'kind'"
    ) in str(caught.value)


def test_columns_by_name(csv_file):
    table = open_table(csv_file("a,b,c,c\n1,2,3,4\n"), ASKED)
    assert named_places(table, ["b", "a"]) == [1, 0]
    with pytest.raises(DataError, match=r"table.csv has no column 'x', 'y': .* has 'a', 'b', 'c'"):
        named_places(table, ["a", "x", "y"])
    with pytest.raises(DataError, match=r"table.csv has more than one column 'c': .*its own in"):
        named_places(table, ["a", "c"])
    with pytest.raises(DataError, match=r"more than one column 'c'"):
        column_place(table, "c")


def test_many_names_are_listed_in_part(csv_file):
    table = open_table(csv_file(",".join(map(str, range(5, 105)))), ASKED)
    with pytest.raises(DataError, match=r"from 0 to 99 or .* '0', '1', .* '1[0-9]', …$"):
        column_place(table, "x")


def test_a_row_of_another_width(csv_file):
    table = open_table(csv_file("a,b\n1,2\n\n3,4,5\n"), ASKED)
    with pytest.raises(DataError, match=r"table.csv, line 4 has 3 columns: expected 2, as in"):
        list(table.rows)


@pytest.mark.parametrize("text", ["a,b,kind\n", "a", "0,1,kind"])
def test_a_header_without_rows(csv_file, text):
    with pytest.raises(DataError, match=r"table.csv has a header, but no rows below it: expected"):
        open_table(csv_file(text), ASKED)


@pytest.mark.parametrize("first", ["1,0", " 0, 1", "7,1,0"])
def test_names_that_are_looked_for_are_a_header(csv_file, first):
    text = f"{first}\n5,6,7,8\n"
    assert not open_table(csv_file(text), ASKED).has_header
    assert open_table(csv_file(text), ASKED._replace(columns=COLUMNS)).has_header


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file(csv_file, text):
    with pytest.raises(DataError, match=r"table.csv is empty: expected rows"):
        open_table(csv_file(text), ASKED)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(DataError, match=r"table.csv is not text .* at byte 6.*: expected a CSV"):
        open_table(path, ASKED)


def test_a_quotation_mark_that_is_not_closed(csv_file):
    with pytest.raises(DataError, match=r"table.csv, line .*larger than field limit.*not closed"):
        open_table(csv_file('a,b\n"1,2\n' + "3,4\n" * 40_000), ASKED)
