from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import xpnet
from tests.cli.commands.test_train import accuracy
from tests.cli.conftest import SMALL
from xpnet.cli.training.encoding import Encoding, read_encoding
from xpnet.data import Columns, DataError

MODEL = "xpnet-people.safetensors"
NAN = np.nan
COLUMNS = Columns(("age", "sex", "kind"), 2, named=True, words=(None, ("f", "m", "x")))
X = np.array([[1.0, 0], [NAN, 2], [4, 2], [7, 0]])


def test_gaps_are_filled_and_words_encoded():
    encoding = Encoding.of(X, COLUMNS, "median")
    np.testing.assert_array_equal(encoding.apply(X), [[1, 1, 0], [4, 0, 1], [4, 0, 1], [7, 1, 0]])
    assert encoding.names(COLUMNS) == ("age", "sex=f", "sex=x")
    # A word that training did not see, or that the file did not have, is none of them.
    np.testing.assert_array_equal(encoding.apply(np.array([[2.0, 1], [2, -1]]))[:, 1:], 0)


def test_features_that_no_training_sample_has():
    message = r"in column 'age': expected numbers .* leave out what is empty \(--drop 'age'\)"
    with pytest.raises(DataError, match=message):
        Encoding.of(X[[1, 1]], COLUMNS, "mean")


@pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent", None])
def test_what_was_learned_is_kept(strategy):
    known = X[[0, 2, 3]]
    encoding = Encoding.of(known, COLUMNS, strategy)
    again = read_encoding(encoding.metadata(), COLUMNS)
    later = known if strategy is None else X
    np.testing.assert_array_equal(again.apply(later), encoding.apply(later))
    assert read_encoding({}, COLUMNS) is None


@pytest.mark.parametrize(
    "change",
    [
        {"one_hot": [None]},
        {"one_hot": [None, [0, 3]]},
        {"one_hot": [None, []]},
        {"one_hot": [[0], [0]]},
        {"impute": "guess"},
        {"impute_with": np.array([NAN])},
        {"impute_with": np.zeros(2)},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(change):
    metadata = Encoding.of(X, COLUMNS, "mean").metadata() | change
    with pytest.raises(ValueError, match=next(iter(change))):
        read_encoding(metadata, COLUMNS)


@pytest.fixture
def people(tmp_path):
    """A table with gaps, words and a name in each row, whose label follows from a word."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 120).round(), "sex": [*"fm"] * 60})
    frame["name"] = [f"name {k}" for k in range(120)]
    frame["kind"] = np.where(frame.sex == "f", "yes", "no")
    frame.loc[::9, "age"] = np.nan
    frame.to_csv(tmp_path / "people.csv", index=False)
    return tmp_path / "people.csv"


def test_a_table_with_gaps_and_words(run, fails, people, tmp_path):
    assert "gaps in 'age' (--impute median" in fails("train", people)
    options = ("--impute", "median", "--one-hot", "--drop", "name")
    trained = run("train", people, *SMALL, *options)
    assert (trained.code, trained.err) == (0, "")
    assert "'name' left out, words in 'sex' encoded" in trained.out
    assert accuracy(trained.out) == 1.0
    evaluated = run("evaluate", MODEL, people).out
    assert "test samples of people" in evaluated
    assert accuracy(evaluated) == accuracy(trained.out)
    turned = pd.read_csv(people)[["sex", "age"]]
    turned.to_csv(tmp_path / "turned.csv", index=False)
    first, second = (run("predict", MODEL, name).out for name in (people, "turned.csv"))
    assert first == second
    assert first.count("\n") == 121
    turned.assign(sex=["m", "x"] * 60).to_csv(tmp_path / "new.csv", index=False)
    words = "new.csv: 60 of 120 samples have a word in column 'sex' that no training sample had;"
    assert words in run("predict", MODEL, "new.csv").err
    assert xpnet.load(tmp_path / MODEL)[0].sizes == (3, 8, 2)


def test_an_unknown_way_to_fill(fails, people):
    assert "'guess' is not one of 'median', 'mean'" in fails("train", people, "--impute", "guess")
