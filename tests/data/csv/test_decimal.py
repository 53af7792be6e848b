from __future__ import annotations

import pytest

from xpnet.data import Columns, DataError, load, load_samples

GERMAN = "größe;höhe;art\n1,5;2;äpfel\n-,5;1,25e1;birne\n"


def test_decimal_commas_and_an_encoding_that_are_asked_for(csv_file):
    path = csv_file(GERMAN, encoding="cp1252")
    dataset = load(path, decimal=",", encoding="cp1252")
    assert dataset.X_train.tolist() == [[1.5, 2.0], [-0.5, 12.5]]
    assert dataset.y_train.tolist() == ["äpfel", "birne"]
    assert dataset.columns.names == ("größe", "höhe", "art")
    # As in training, until other ones are asked for.
    assert load_samples(path, 2, columns=dataset.columns).tolist() == dataset.X_train.tolist()
    other = csv_file("größe,höhe\n1.5,2\n")
    given = {"decimal": ".", "encoding": "utf-8"}
    assert load_samples(other, 2, columns=dataset.columns, **given).tolist() == [[1.5, 2.0]]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (GERMAN, {}, r"'1,5' in column 'größe'.* decimal mark, say so \(--decimal ,\)"),
        ("a;kind\n1.234;x\n1,5;y\n", {"decimal": ","}, r"'1\.234' .*nothing between thousands"),
        ("a;kind\n1.234,5;x\n1,5;y\n", {"decimal": ","}, r"'1\.234,5' in column 'a'"),
        ("a;b\n1;1,5\n2;3\n", {"task": None}, r"'b' holds '1,5': .*say so \(--decimal ,\)"),
        (
            "a;b\n1;1.5\n2;3\n",
            {"task": None, "decimal": ","},
            r"'b' holds '1\.5': .*if a point is the decimal mark, say so \(--decimal \.\)",
        ),
        (
            "é;b\n1;2\n",
            {"columns": Columns(("é", "b"), 1, named=True, encoding="cp1252")},
            r"no column 'é': .*; its first line, read in cp1252 \(--encoding\), has 'Ã©', 'b'",
        ),
        ("a;b\n1;2\n", {"decimal": ";"}, r"decimal is ';': expected \. or ,"),
        ("a;b\n1;2\n", {"encoding": "hex"}, r"encoding is 'hex': .* such as utf-8, cp1252"),
        ("é;b\n1;2\n", {"encoding": "ascii"}, r"expected a CSV file in ascii; name its encoding"),
    ],
    ids=[
        "unsaid",
        "thousands",
        "grouped",
        "labels",
        "labels with points",
        "mojibake",
        "no mark",
        "no encoding",
        "another",
    ],
)
def test_what_is_refused(csv_file, text, options, message):
    with pytest.raises(DataError, match=message):
        load(csv_file(text), **options)


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [
        (["1,5", "2"], "."),
        (["1 200", "900"], "."),
        (["1\N{NO-BREAK SPACE}200,5", "900"], "."),
        (["1.200,5", ""], ","),
        (["1.200", "900"], ","),
        (["1'200.50", "900"], "."),
    ],
    ids=repr,
)
def test_numbers_that_are_written_otherwise_are_no_words(csv_file, cells, decimal):
    rows = "".join(f"{cell};u;x\n{cell};v;y\n" for cell in cells)
    path = csv_file(f"a;b;kind\n{rows}")
    with pytest.raises(DataError, match=r"in column 'a'.* nothing between thousands"):
        load(path, decimal=decimal, words=True, gaps=True)


def test_numbers_beside_words_stay_words(csv_file):
    path = csv_file("a;kind\n1,5;x\nnone;y\n1,5;y\nnone;x\n")
    assert load(path, words=True).columns.words == (("1,5", "none"),)


def test_words_and_classes_stay_as_they_stand_in_the_file(csv_file):
    path = csv_file("a;b;kind\n1,5;3.11;1.2\n2,5;u;w\n3,5;u;1.2\n")
    dataset = load(path, decimal=",", words=True)
    assert dataset.columns.words == (None, ("3.11", "u"))
    assert dataset.X_train[:, 1].tolist() == [0, 1, 1]
    assert dataset.y_train.tolist() == ["1.2", "w", "1.2"]


def test_commas_between_quoted_numbers(csv_file):
    path = csv_file('a,b,kind\n"1,5","2,5",x\n"3","4",y\n')
    assert load(path, decimal=",").X_train.tolist() == [[1.5, 2.5], [3.0, 4.0]]


def test_numbers_as_labels(csv_file):
    path = csv_file("a\tb\n1\t1,5\n2\t3\n")
    assert load(path, task=None, decimal=",").y_train.tolist() == [1.5, 3.0]
