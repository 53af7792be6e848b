from __future__ import annotations

import pytest

from xpnet.data import Classes, Columns, DataError, load, load_samples

IRIS = "5,3,1,setosa\n7,3,4,rosa\n4,3,1,setosa\n6,2,5,rosa\n"


@pytest.mark.parametrize(
    "head",
    [
        "2019,2020,2021,label",
        "1,2,3,label",
        "0,1,2,label",
        "0,1,2,3",
        "2018,2019,2020,2021",
        "7,8,9,10",
        "0,10,50,label",
        "a,b,c,label",
    ],
)
def test_numbers_may_name_columns(csv_file, head):
    for rows in (IRIS, IRIS.replace("setosa", "0").replace("rosa", "1")):
        dataset = load(csv_file(f"{head}\n{rows}"))
        assert dataset.columns == Columns(tuple(head.split(",")), 3, named=True)
        assert dataset.X_train.tolist() == [[5, 3, 1], [7, 3, 4], [4, 3, 1], [6, 2, 5]]


@pytest.mark.parametrize(
    "text",
    [
        IRIS,
        "1,2,x\n3,4,1\n5,6,2\n7,8,x\n",
        "0,1,x\n3,4,y\n5,6,y\n7,8,x\n",
        "1,2,3,0\n4,5,6,0\n7,8,9,1\n1,1,2,1\n",
        "1.5,2,3,a\n4,5,6,b\n7,8,9,b\n1,1,2,b\n",
        "1,2,3,a\n4,5,6,b\n7,8,9,c\n1,1,2,d\n",
        "3,7,1,2\n4,5,6,0\n7,8,9,0\n1,1,2,0\n",
        "1,3,7,9\n4,5,6,0\n7,8,9,0\n1,1,2,0\n",
        "3,7,1,rosa\n4,5,6,b\n7,8,9,b\n1,1,2,b\n",
        "0,1,2\n3,1,2\n4,0,2\n5,6,0\n",
    ],
    ids=[
        *("words", "mixed", "counted", "numbers", "fractions", "all different"),
        *("rare number", "uneven steps", "rare word", "counted to two"),
    ],
)
def test_samples_that_look_like_a_header(csv_file, text):
    dataset = load(csv_file(text))
    assert dataset.columns.named is False
    assert len(dataset.X_train) == 4


def test_a_header_is_believed_where_it_is_asked_for(csv_file):
    assert load(csv_file(IRIS), header=True).columns.names == ("5", "3", "1", "setosa")
    path = csv_file("1,2,label\n3,4,a\n5,6,a\n")
    assert load(path).columns.named
    columns = load(path, header=False).columns
    assert columns == Columns(("0", "1", "2"), 2, named=False, header=False)
    # As in training.
    assert load(path, columns=columns).y_train.tolist() == ["label", "a", "a"]
    assert len(load_samples(path, 2, columns=columns)) == 3
    assert len(load_samples(path, 2, columns=columns, header=True)) == 2
    words = csv_file("a,b,label\n3,4,a\n")
    with pytest.raises(DataError, match=r"line 1 has 'a' in .* names the columns, say so \(--head"):
        load(words, columns=columns)


@pytest.mark.parametrize("label", ["label", "2021"])
def test_a_label_column_by_a_name_in_the_first_line(csv_file, label):
    dataset = load(csv_file(f"2019,2020,{label}\n1,2,3\n4,5,6\n"), label=label)
    assert dataset.y_train.tolist() == [3, 6]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (",1,2\n0,5,0\n1,6,1\n", ("1", "2")),
        (",0,1\n7,0.5,0\n3,1.5,1\n", ("0", "1")),
        (",2000,label\n7,5,b\n3,5,c\n4,1,b\n5,2,c\n", ("2000", "label")),
        ("2000,label\n1,b\n0,c\n0,b\n0,c\n", ("2000", "label")),
        ("1,2\n130,setosa\n129,rosa\n", ("1", "2")),
    ],
    ids=["index", "shuffled index", "index and label", "one feature", "a number over words"],
)
def test_few_columns(csv_file, text, names):
    assert load(csv_file(text)).columns.names == names


UNNAMED = Columns(("0", "1", "2"), 2, named=False)


def test_a_class_of_the_model_is_no_name(csv_file):
    path = csv_file("1,2,x\n3,4,1\n")
    classes = Classes(("1", "2", "x"))
    assert len(load_samples(path, 2, columns=UNNAMED, classes=classes)) == 2
    assert len(load(path, columns=UNNAMED, classes=classes).X_train) == 2


def test_where_it_may_be_either_the_user_says(csv_file):
    path = csv_file("2019,2020,kind\n3,4,a\n")
    options = {"columns": UNNAMED, "classes": Classes(("a", "b"))}
    with pytest.raises(DataError, match=r"'kind', which is no class.* with --header or --no-head"):
        load_samples(path, 2, **options)
    assert len(load_samples(path, 2, header=True, **options)) == 1
    assert len(load_samples(path, 2, header=False, **options)) == 2
