from __future__ import annotations

import numpy as np
import pytest

from xpnet.data import DataError, load, load_samples

PEOPLE = """name,age,sex,adult,born,kind
Ann,31,f,true,1990-05-01,a
Bob,,m,false,2019-12-31,b
Cid,7,,TRUE,2001-01-01 10:00,a
"""
COLUMNS = {"drop": ["name", "born"], "gaps": True, "words": True}


def test_truth_values_are_numbers(csv_file):
    dataset = load(csv_file("a,b,kind\ntrue,1,x\nFALSE,2,y\nTrue,3,x\n"))
    np.testing.assert_array_equal(dataset.X_train, [[1, 1], [0, 2], [1, 3]])
    assert dataset.columns.words == ()


def test_every_column_in_the_way_is_named(csv_file):
    with pytest.raises(DataError) as error:
        load(csv_file(PEOPLE))
    message = str(error.value)
    assert "line 2 has 'Ann' in column 'name': expected a finite number" in message
    for part in (
        "gaps in 'age' (--impute median)",
        "words in 'name', 'sex' (--one-hot)",
        "dates in 'born' (--drop)",
        "(--label 'name')",
    ):
        assert part in message
    with pytest.raises(DataError, match=r"number; dates in 'born' \(--drop\)"):
        load(csv_file(PEOPLE), gaps=True, words=True)


def test_different_words_in_most_rows_are_no_categories(csv_file):
    rows = "".join(f"word {k},{k % 2}\n" for k in range(30))
    with pytest.raises(DataError, match=r"texts in 'a' \(--drop\)"):
        load(csv_file(f"a,kind\n{rows}"), words=True)


def test_a_word_among_numbers_is_mended_and_not_encoded(csv_file):
    rows = "".join(f"{k},{k % 2}\n" for k in range(30))
    with pytest.raises(DataError, match=r"line 32 has 'ten' in column 'a': .* among numbers"):
        load(csv_file(f"a,kind\n{rows}ten,1\n"), words=True, gaps=True)


def test_gaps_and_words(csv_file):
    dataset = load(csv_file(PEOPLE), **COLUMNS)
    np.testing.assert_array_equal(dataset.X_train, [[31, 1, 1], [np.nan, 2, 0], [7, 0, 1]])
    assert dataset.columns.features == ("age", "sex", "adult")
    assert dataset.columns.dropped == ("name", "born")
    assert dataset.columns.words == (None, ("", "f", "m"), None)


def test_a_column_without_a_number_cannot_be_filled_unless_a_model_has_learned_by_what(csv_file):
    empty = "a,b,kind\n1,,x\n,?,y\n"
    with pytest.raises(DataError, match=r"line 2 has '' .* number; nothing in 'b' \(--drop\)"):
        load(csv_file(empty), gaps=True)
    columns = load(csv_file("a,b,kind\n1,2,x\n3,4,y\n"), gaps=True).columns
    later = load_samples(csv_file(empty), 2, columns=columns, gaps=True)
    np.testing.assert_array_equal(later, [[1, np.nan], [np.nan, np.nan]])


def test_numbers_among_words_are_words(csv_file):
    dataset = load(csv_file("a,b,kind\n1,1,x\nz,2,y\ny,3,x\n"), words=True)
    assert dataset.columns.words == (("1", "y", "z"), None)


def test_numbers_with_a_unit_are_not_encoded(csv_file):
    rows = [f"{k}.5 kg,{5 * (k % 3)} mg,{'xy'[k % 2]}" for k in range(30)]
    with pytest.raises(DataError, match=r"unit in 'weight' \(write the numbers alone\)$"):
        load(csv_file("\n".join(["weight,dose,kind", *rows])), words=True)
    doses = load(csv_file("\n".join(["weight,dose,kind", *rows])), words=True, drop=["weight"])
    assert doses.columns.words == (("0 mg", "10 mg", "5 mg"),)


def test_as_few_sizes_as_twenty_may_be_words(csv_file):
    rows = [f"{k % 20} l,{'xy'[k % 2]}" for k in range(40)]
    assert len(load(csv_file("\n".join(["size,kind", *rows])), words=True).columns.words[0]) == 20
    rows = [f"{k % 21} l,{'xy'[k % 2]}" for k in range(42)]
    with pytest.raises(DataError, match="numbers with a unit in 'size'"):
        load(csv_file("\n".join(["size,kind", *rows])), words=True)


def test_numbers_beside_words_and_others_with_a_decimal_comma(csv_file):
    cells = "one", "1,5", "2,5", "two", "7"
    rows = [f"{cell};{'xy'[k % 2]}" for k, cell in enumerate(cells)]
    with pytest.raises(DataError, match=r"line 2 has 'one' .* numbers written otherwise in 'a' "):
        load(csv_file("\n".join(["a;kind", *rows])), words=True)


MEASURED = "{}kg", "{}%", "-{} °C", "−{} ℃", "{}.5 km/h", "£{}", "-${},000", "EUR {}", "{} Sq Ft"
WORDS = "{}th", "{}A", "10{} AB", "{} Downing St", "{} S", "A{}", "{}+", "{}. Klasse", "12{}-678"


@pytest.mark.parametrize("cell", MEASURED)
def test_numbers_with_any_usual_unit_are_refused(csv_file, cell):
    rows = [f"{cell.format(10 + k)};1;{'xy'[k % 2]}" for k in range(30)]
    with pytest.raises(DataError, match=r"number; numbers with a unit in 'a' "):
        load(csv_file("\n".join(["a;b;kind", *rows])), words=True)


@pytest.mark.parametrize("cell", WORDS)
def test_words_that_begin_with_a_number_are_words(csv_file, cell):
    rows = [f"{cell.format(10 + k % 30)},1,{'xy'[k % 2]}" for k in range(60)]
    dataset = load(csv_file("\n".join(["a,b,kind", *rows])), words=True)
    assert len(dataset.columns.words[0]) == 30


def test_labels_with_a_unit_are_refused_unless_they_are_to_be_classes(csv_file):
    table = csv_file("\n".join(["a,weight", *(f"{k},{k % 30} kg" for k in range(90))]))
    with pytest.raises(DataError, match=r"'weight' holds '0 kg': .* without a unit; .* --task cla"):
        load(table, label="weight", task=None)
    assert len(set(load(table, label="weight", task="classification").y_train)) == 30


@pytest.mark.parametrize("date", ["{} Mar 2020", "{}-Jan-20", "September {}, 2020", "{} may 2020"])
def test_dates_with_the_names_of_months_are_refused(csv_file, date):
    rows = [f'"{date.format(1 + k % 28)}",1,{"xy"[k % 2]}' for k in range(60)]
    with pytest.raises(DataError, match=r"dates in 'a' \(--drop\)"):
        load(csv_file("\n".join(["a,b,kind", *rows])), words=True)


def test_words_are_those_of_the_training(csv_file):
    columns = load(csv_file(PEOPLE), **COLUMNS).columns
    later = csv_file("sex,age,adult\nm,3,true\nx,,false\n")
    X = load_samples(later, 3, columns=columns, gaps=True)
    np.testing.assert_array_equal(X, [[3, 2, 1], [np.nan, -1, 0]])
    with pytest.raises(DataError, match=r"line 3 has '' in column 'age'.*train with --impute"):
        load_samples(later, 3, columns=columns)


def test_a_table_without_a_header_has_its_columns_in_place(csv_file):
    columns = load(csv_file("1,u,2,x\n3,v,4,y\n"), drop=["1"]).columns
    for text in ("5,w,6,z\n7,w,8,z\n", "5,w,6\n7,w,8\n"):
        X = load_samples(csv_file(text), 2, columns=columns)
        np.testing.assert_array_equal(X, [[5, 6], [7, 8]])


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({"drop": ["b"]}, ("a", "c,d")),
        ({"features": ["c,d"]}, ("c,d",)),
        ({"features": ["0,b"]}, ("a", "b")),
    ],
    ids=str,
)
def test_columns_to_leave_out_and_to_keep(csv_file, options, features):
    path = csv_file('a,b,"c,d",kind\n1,2,3,x\n4,5,6,y\n')
    assert load(path, **options).columns.features == features


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": ["kind"]}, "'kind' is the label, and no feature to keep or to leave out"),
        ({"drop": ["z"]}, "has no column 'z': expected a number from 0 to 2 or one of the names"),
        ({"drop": ["a,b"]}, "has no feature left: leave out fewer"),
    ],
    ids=str,
)
def test_columns_that_cannot_be_left_out(csv_file, options, message):
    with pytest.raises(DataError, match=message):
        load(csv_file("a,b,kind\n1,2,x\n4,5,y\n"), **options)
