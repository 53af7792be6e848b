"""Tables from CSV files through train, evaluate and predict."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

import xpnet
from tests.cli.commands.test_train import accuracy
from tests.cli.conftest import SMALL

MODEL = "xpnet-table.safetensors"


@pytest.fixture
def frame():
    """90 flowers of 3 kinds, sorted by kind."""
    rng = np.random.default_rng(0)
    X = rng.normal(0.0, 0.3, (90, 2)) + np.repeat([[0, 0], [0, 5], [5, 0]], 30, axis=0)
    kinds = np.repeat(["iris", "lily", "rose"], 30)
    return pd.DataFrame(X.round(4), columns=["a", "b"]).assign(kind=kinds)


@pytest.fixture
def trained(run, tmp_path):
    """Return a function that trains on a frame, written as ``table.csv``, and gives the output."""

    def train(frame, *options, **written):
        frame.to_csv(tmp_path / "table.csv", **({"index": False} | written))
        result = run("train", "table.csv", *SMALL, *options)
        assert (result.code, result.err) == (0, "")
        return result.out

    return train


def first_line(text):
    return text.partition("\n")[0]


def test_the_summary_of_a_table(trained, run, frame):
    words = "table: 3 columns, header, label 'kind', 3 classes"
    assert first_line(trained(frame)) == words
    assert first_line(run("evaluate", MODEL, "table.csv").out) == words
    bare = first_line(trained(frame[["kind", "a", "b"]], "--label", "0", header=False))
    assert bare == "table: 3 columns, no header, label '0', 3 classes"
    assert "columns" not in run("predict", MODEL, "table.csv").out


def test_years_as_names(trained, frame):
    out = trained(frame.set_axis(["2019", "2020", "label"], axis=1))
    header = "first line read as a header (--no-header)"
    assert first_line(out) == f"table: 3 columns, {header}, label 'label', 3 classes"
    out = trained(frame.set_axis(["2019", "2020", "label"], axis=1), "--header")
    assert first_line(out) == "table: 3 columns, header, label 'label', 3 classes"


def test_an_index_is_left_out_and_said(trained, run, frame, tmp_path):
    noise = frame.assign(a=0.0, b=np.random.default_rng(0).normal(size=90).round(3))
    out = trained(noise, index=True)
    assert first_line(out) == (
        "table: 4 columns, header, label 'kind', 3 classes, first column left out, as it only "
        "numbers the rows (train --keep-index)"
    )
    assert accuracy(out) < 0.7
    read = first_line(run("evaluate", MODEL, "table.csv").out)
    assert read.endswith("3 classes, a column without a name left out")
    with_index = run("evaluate", MODEL, "table.csv").out.partition("\n")[2]
    noise.to_csv(tmp_path / "table.csv", index=False)
    without = run("evaluate", MODEL, "table.csv").out.partition("\n")[2]
    assert with_index == without
    assert "test samples of table" in without
    shown = first_line(run("evaluate", MODEL, "table.csv").out)
    assert "left out" not in shown
    assert accuracy(trained(noise, "--keep-index", index=True)) > 0.9


def test_a_named_column_that_counts_is_asked_about(trained, run, frame):
    frame.insert(0, "Id", np.arange(1, 91))
    assert first_line(trained(frame)) == (
        "table: 4 columns, header, label 'kind', 3 classes, first column 'Id' counts the rows: "
        "is it a feature?"
    )
    assert "is it a feature?" not in run("evaluate", MODEL, "table.csv").out
    assert "is it a feature?" not in trained(frame, "--keep-index")


@pytest.mark.parametrize("labels", [("1", "2", "x"), ("1.0", "2.0", "x"), ("01", "1", "10")])
def test_labels_are_those_of_the_model(trained, run, frame, tmp_path, labels):
    named = frame.assign(kind=np.repeat(labels, 30))
    assert "3 classes" in trained(named)
    assert xpnet.load(tmp_path / MODEL)[2]["classes"] == sorted(labels)
    named[:60].to_csv(tmp_path / "two.csv", index=False)
    assert accuracy(run("evaluate", MODEL, "two.csv").out) == 1.0
    rows = list(csv.reader(io.StringIO(run("predict", MODEL, "two.csv").out)))[1:]
    assert [row[0] for row in rows] == np.repeat(labels[:2], 30).tolist()


def test_a_model_whose_classes_are_not_sorted(trained, run, frame, tmp_path):
    trained(frame)
    before = run("evaluate", MODEL, "table.csv").out
    net, params, metadata = xpnet.load(tmp_path / MODEL)
    order = [2, 0, 1]
    last = xpnet.Dense(params[-1].W[order], params[-1].b[order])
    metadata["classes"] = [metadata["classes"][k] for k in order]
    xpnet.save(tmp_path / "turned", net, (*params[:-1], last), **metadata)
    after = run("evaluate", "turned", "table.csv").out
    assert after.partition("Scores")[0] == before.partition("Scores")[0]
    assert accuracy(before) == 1.0


def test_a_model_of_a_former_version(trained, run, frame, tmp_path):
    trained(frame)
    net, params, metadata = xpnet.load(tmp_path / MODEL)
    kept = metadata["columns"]
    metadata["columns"] = {name: kept[name] for name in ("names", "label", "named")}
    xpnet.save(tmp_path / "former", net, params, **metadata)
    for arguments in (("evaluate", "{}", "table.csv"), ("predict", "{}", "table.csv")):
        said = [run(*(a.format(model) for a in arguments)).out for model in ("former", MODEL)]
        assert said[0] == said[1] != ""


def test_how_a_table_is_read_is_kept_with_the_model(trained, run, frame):
    out = trained(frame, "--delimiter", "|", "--no-header", sep="|", header=False)
    assert first_line(out) == "table: 3 columns, no header, label '2', 3 classes"
    evaluated = run("evaluate", MODEL, "table.csv").out
    assert "test samples of table" in evaluated
    assert accuracy(evaluated) == 1.0
    assert run("predict", MODEL, "table.csv").out.count("\n") == 91
    assert run("predict", MODEL, "table.csv", "--header").out.count("\n") == 90
    assert "tab" in first_line(trained(frame, "--delimiter", "tab", "--header", sep="\t"))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.ones(90, int), "table: label column 'kind' holds only 1 in 90 samples"),
        ([f"id{k}" for k in range(90)], "label column 'kind' holds 90 different values"),
    ],
    ids=["one class", "identifiers"],
)
def test_labels_that_make_no_sense(fails, frame, tmp_path, column, message):
    frame.assign(kind=column).to_csv(tmp_path / "table.csv", index=False)
    line = fails("train", "table.csv", *SMALL)
    assert message in line
    assert "(--label)" in line
    assert len(line) <= 300
    assert not (tmp_path / MODEL).exists()


def test_a_column_whose_spread_overflows_is_named(fails, frame, tmp_path):
    turned = frame.assign(b=frame.b * 1e300)[["kind", "a", "b"]]
    turned.to_csv(tmp_path / "table.csv", index=False)
    line = fails("train", "table.csv", "--label", "kind", *SMALL)
    assert line.startswith("column 'b' holds numbers up to 5.")
    assert not (tmp_path / MODEL).exists()


def test_a_label_in_the_first_column(fails, frame, tmp_path):
    frame[["kind", "a", "b"]].to_csv(tmp_path / "table.csv", index=False)
    assert "(--label 'kind')" in fails("train", "table.csv")


def test_memory_is_bounded(run, fails, frame, tmp_path):
    frame.to_csv(tmp_path / "table.csv", index=False)
    for command in (("train",), ("evaluate", MODEL), ("predict", MODEL)):
        if command != ("train",):
            run("train", "table.csv", *SMALL)
        line = fails(*command, "table.csv", "--max-memory", "2kB")
        assert "table.csv takes 2.02 kB of memory: expected at most 2 kB, the limit" in line
        options = SMALL if command == ("train",) else ()
        assert run(*command, "table.csv", *options, "--max-memory", "0.5 MB").code == 0
    assert "'many' is not a size, such as" in fails("train", "digits", "--max-memory", "many")


def test_a_label_that_a_spreadsheet_would_run(trained, run, frame):
    labels = ("=1+1", "-5", "@x")
    trained(frame.assign(kind=np.repeat(labels, 30)))
    head, *rows = csv.reader(io.StringIO(run("predict", MODEL, "table.csv", "--proba").out))
    assert head == ["label", "p_-5", "p_=1+1", "p_@x"]
    assert [row[0] for row in rows] == np.repeat(["'=1+1", "-5", "'@x"], 30).tolist()
    trained(frame.assign(kind=np.repeat([-1, 0, 1], 30)))
    rows = list(csv.reader(io.StringIO(run("predict", MODEL, "table.csv").out)))[1:]
    assert [row[0] for row in rows] == np.repeat(["-1", "0", "1"], 30).tolist()
