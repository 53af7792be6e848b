from __future__ import annotations

import pytest

from xpnet.data import Columns, DataError, load, load_samples


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
        DataError, match=r"has '[45],[19]' in column .*; write a decimal point inst"
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
