from __future__ import annotations

import pytest

from xpnet.data import Columns, DataError, load, load_samples
from xpnet.data.csv.table import Options, open_table

OPTIONS = Options(limit=2**30)
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
    table = open_table(csv_file(text), OPTIONS)
    assert table.names == names
    assert table.has_header == (table.names != [*map(str, range(len(names)))])
    assert [row.line for row in table.rows] == lines


def test_a_byte_order_mark_is_no_part_of_a_name(csv_file):
    assert open_table(csv_file("a,b\n1,2\n", encoding="utf-8-sig"), OPTIONS).names == ["a", "b"]


@pytest.mark.parametrize(
    ("label", "y"),
    [("b", [2, 5]), ("0", [3, 6]), (0, [1, 4]), ("1", [2, 5]), ("-1", [3, 6]), (-3, [1, 4])],
)
def test_a_label_column_by_name_or_else_by_number(csv_file, label, y):
    assert load(csv_file("a,b,0\n1,2,3\n4,5,6\n"), label=label).y_train.tolist() == y


@pytest.mark.parametrize("label", ["c", "3", 3, -4, "1.5"])
def test_a_label_column_that_is_not_there(csv_file, label):
    with pytest.raises(DataError) as caught:
        load(csv_file("a,b,kind\n1,2,3\n"), label=label)
    assert (
        f"table.csv has no column {label!r}: expected a number from 0 to 2 or one of the names "
        "'a', 'b', 'kind'"
    ) in str(caught.value)


def test_many_names_are_listed_in_part(csv_file):
    with pytest.raises(DataError, match=r"from 0 to 99 or .* '0', '1', .* '1[0-9]', …$"):
        load(csv_file(",".join(map(str, range(5, 105)))), label="x")


@pytest.mark.parametrize("text", ["a,b,kind\n", "a", "0,1,kind"])
def test_a_header_without_rows(csv_file, text):
    with pytest.raises(DataError, match=r"table.csv has a header, but no rows below it: expected"):
        load(csv_file(text))


@pytest.mark.parametrize("first", ["1,0", " 0, 1", "7,1,0"])
def test_names_that_are_looked_for_are_a_header(csv_file, first):
    text = f"{first}\n5,6,7,8\n"
    assert not open_table(csv_file(text), OPTIONS).has_header
    assert open_table(csv_file(text), OPTIONS._replace(columns=COLUMNS)).has_header


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file(csv_file, text):
    with pytest.raises(DataError, match=r"table.csv is empty: expected rows"):
        load(csv_file(text))


def test_a_quotation_mark_that_is_not_closed(csv_file):
    with pytest.raises(DataError, match=r"table.csv, line .*larger than field limit.*not closed"):
        load(csv_file('a,b\n"1,2\n' + "3,4\n" * 40_000))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_that_the_first_line_has(csv_file, mark):
    path = csv_file("a,b,kind\n1,2,x\n3,4,y\n".replace(",", mark))
    assert load(path).X_train.tolist() == [[1, 2], [3, 4]]


def test_a_delimiter_that_is_asked_for_is_kept(csv_file):
    path = csv_file("a|b,c|kind\n1|2|x\n3|4|y\n")
    dataset = load(path, delimiter="|")
    assert dataset.columns == Columns(("a", "b,c", "kind"), 2, True, delimiter="|")
    assert load(path, columns=dataset.columns).X_train.tolist() == [[1, 2], [3, 4]]
    assert load_samples(path, 2, columns=dataset.columns).tolist() == [[1, 2], [3, 4]]
    other = csv_file('a;"b,c";kind\n1;2;x\n')
    assert load(other, columns=dataset.columns).X_train.tolist() == [[1, 2]]


@pytest.mark.parametrize("delimiter", ["", "||", '"', "\n"])
def test_a_delimiter_that_cannot_be(csv_file, delimiter):
    with pytest.raises(DataError, match=r"delimiter is .*: expected one character"):
        load(csv_file("a,b\n1,x\n"), delimiter=delimiter)


@pytest.mark.parametrize("header", ["", "a;b;kind\n"])
@pytest.mark.parametrize("kinds", [("x", "y"), ("1,0", "2,0")], ids=["words", "numbers"])
def test_decimal_commas(csv_file, header, kinds):
    with pytest.raises(
        DataError, match=r"has .[45],[19]. in column .*; if a comma is the decimal mark, say so"
    ):
        load(csv_file(f"{header}5,1;3,5;{kinds[0]}\n4,9;3,0;{kinds[1]}\n"))


def test_semicolons_in_a_label(csv_file):
    dataset = load(csv_file("1,2,3,red;green;blue\n4,5,6,red;green;grey\n"))
    assert dataset.y_train.tolist() == ["red;green;blue", "red;green;grey"]


def test_another_separator_is_advised(csv_file):
    with pytest.raises(DataError, match=r"has 1 column: .*name it \(--delimiter\)"):
        load(csv_file("a|b|kind\n1|2|x\n"))
    with pytest.raises(DataError, match="label; --delimiter is ';': name another, or leave it out"):
        load(csv_file("a,b,kind\n1,2,x\n"), delimiter=";")
    with pytest.raises(DataError, match=r"has '1\|2' in column .*name it \(--delimiter\)"):
        load(csv_file("a|b,kind\n1|2,x\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,\0\n", "holds a character of value 0"),
        ("a,b\n" + "1," * 9_000, "has a row of more than 15625 characters"),
        ("a,b\n" + '"x\n",' * 9_000, "has a row of more than 15625 characters"),
        ("a,b\n" + "x" * 14_000 + ",y\n", "has 'xxx"),
        ("x" * 14_000 + ",b\n1,2\nz,3\n", "line 3 has 'z' in column 'xxx"),
        ("a,b\n" + "1,0\n" * 90_000, "takes 1 MB of memory: expected at most 1 MB, the limit; rai"),
    ],
    ids=["NUL", "one line", "one row", "long cell", "long name", "too many rows"],
)
def test_a_file_that_would_take_too_much(csv_file, text, message):
    path = csv_file(text)
    with pytest.raises(DataError, match=message) as caught:
        load(path, max_memory=10**6)
    assert len(str(caught.value)) <= 300


def test_labels_whose_longest_makes_them_large(csv_file):
    rows = "1,a\n" * 1000 + f"1,{'b' * 10_000}\n"
    with pytest.raises(
        DataError, match=r"takes 40.1 MB of memory: expected at most 10 MB, the limit"
    ):
        load(csv_file(f"a,kind\n{rows}"), max_memory=10**7)


def test_bytes_that_are_no_text_far_into_a_file(tmp_path):
    path = tmp_path / "table.csv"
    rows = b"1,2\n" * 10_000
    path.write_bytes(b"\xef\xbb\xbfa,b\n" + rows + b"1,\xff\n")
    with pytest.raises(DataError, match=f"is not text .* at byte {3 + 4 + len(rows) + 2}"):
        load(path)
