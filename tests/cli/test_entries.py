from __future__ import annotations

import random

import numpy as np
import pytest

from tests.persist.damage import damaged
from xpnet.cli.entries import classes_in, columns_in, fingerprint_in, numbers_in
from xpnet.cli.model import Model
from xpnet.cli.predict import as_csv
from xpnet.data import Columns
from xpnet.persist import ModelFileError

TABLE = Columns(("a", "kind", "b"), 1, named=True)


@pytest.mark.parametrize("found", [np.array([1, 2], np.uint8), [1.0, 2.0]])
def test_numbers(found):
    np.testing.assert_array_equal(numbers_in({"shift": found}, "shift", "m"), [1, 2])


@pytest.mark.parametrize(
    "found",
    [np.array([1.0, np.nan]), np.array([True]), None, {}, "12", ["a"], [[1], [1, 2]], [10**30]],
)
def test_numbers_that_are_none(found):
    with pytest.raises(ModelFileError, match=r"^m has shift .*: expected an array of finite num"):
        numbers_in({"shift": found}, "shift", "m")


@pytest.mark.parametrize(
    ("found", "labels"),
    [
        (["b", "a"], ("b", "a")),
        ([-3, 2**64 - 1], (-3, 2**64 - 1)),
        (np.array([4, 7]), (4, 7)),
    ],
)
def test_classes(found, labels):
    assert classes_in({"classes": found}, "m") == labels


@pytest.mark.parametrize(
    "found",
    [
        *(None, 5, "ab", [], {"a": 1}),
        *(["a", 1], [1.5, 2], [True, False], [[1], [2]], ["a", "a"]),
        *([1, 10**30], ["a", "\ud800"], [None] * 9999),
    ],
)
def test_classes_that_are_none(found):
    with pytest.raises(ModelFileError, match=r"^m has classes .*: expected a list of la") as told:
        classes_in({"classes": found}, "m")
    assert len(str(told.value)) < 300
    assert str(told.value).encode()


def test_columns():
    kept = TABLE._asdict()
    assert columns_in({"columns": kept | {"names": list(TABLE.names)}}, "m") == TABLE
    assert columns_in({"columns": None}, "m") is columns_in({}, "m") is None
    # As former versions kept them.
    former = {name: kept[name] for name in ("label", "named")} | {"names": list(TABLE.names)}
    assert columns_in({"columns": former}, "m") == TABLE


@pytest.mark.parametrize(
    "change",
    [
        {"names": "abc"},
        {"names": ["a"], "label": 0},
        {"names": ["a", 5, "b"]},
        {"names": ["a", "\ud800", "b"]},
        {"label": 3},
        {"label": -1},
        {"label": True},
        {"label": "1"},
        {"named": None},
        {"header": "yes"},
        *({"delimiter": 5}, {"delimiter": ";;"}, {"delimiter": ""}, {"delimiter": "\ud800"}),
        {"unheard": "of"},
    ],
    ids=str,
)
def test_columns_that_are_none(change):
    kept = TABLE._asdict() | {"names": list(TABLE.names)} | change
    with pytest.raises(ModelFileError, match=r"^m has columns .*: expected .*; train and save"):
        columns_in({"columns": kept}, "m")


@pytest.mark.parametrize("kept", [5, "abc", [], {}, {"names": []}])
def test_columns_of_another_kind(kept):
    with pytest.raises(ModelFileError, match=r"^m has columns .*: expected the entries names, lab"):
        columns_in({"columns": kept}, "m")


def test_a_fingerprint():
    assert fingerprint_in({"trained_on": "abc"}, "m") == "abc"
    assert fingerprint_in({}, "m") is None
    with pytest.raises(ModelFileError, match=r"^m has trained_on \['abc'\]: expected text"):
        fingerprint_in({"trained_on": ["abc"]}, "m")


def test_a_damaged_model_of_the_command_line_is_told_to_be_one_or_predicts(model, tmp_path):
    rng, path, loaded = random.Random(0), tmp_path / "model", 0
    content = model.read_bytes()
    for _ in range(400):
        path.write_bytes(damaged(content, rng))
        try:
            found = Model.load(path)
        except ModelFileError:
            continue
        loaded += 1
        X = found.preparation.inputs(found.preparation.scaling.shift[None, :])
        assert not np.any(X)
        assert as_csv(np.eye(3), found.preparation.classes)
        assert found.columns is None or len(found.columns.features) >= 0
    assert 0 < loaded < 200
