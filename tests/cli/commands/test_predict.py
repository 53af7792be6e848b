from __future__ import annotations

import csv
import io

import numpy as np
import pytest

import xpnet
from tests.cli.conftest import SMALL
from xpnet.data import load

KINDS = ["iris", "lily", "rose"]


@pytest.fixture
def expected(model, flowers):
    """The probabilities ``(m, n_y)`` that the model gives the flowers, scaled by hand."""
    net, params, metadata = xpnet.load(model)
    X = load(flowers()).X_train
    scaled = (X - metadata["scaling_shift"]) / metadata["scaling_scale"]
    return xpnet.predict(net, params, scaled.T.astype(np.float32)).T


def table(text):
    """The labels and probabilities in a CSV text."""
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["label", "p_iris", "p_lily", "p_rose"]
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=float)


@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "no labels"])
def test_labels_and_probabilities_as_a_table(run, model, flowers, tmp_path, expected, labelled):
    result = run(
        "predict", model, flowers("new.csv", labelled=labelled), "--proba", "--out", "out.csv"
    )
    assert (result.code, result.out) == (0, "90 predictions out.csv\n")
    labels, probabilities = table((tmp_path / "out.csv").read_text())
    assert labels == np.repeat(KINDS, 30).tolist()
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


def test_without_a_file_the_table_is_printed(run, model, flowers, expected):
    result = run("predict", model, flowers(), "--proba")
    assert result.err == ""
    np.testing.assert_allclose(table(result.out)[1], expected, rtol=1e-5)


def test_several_tables_become_one(run, model, flowers):
    names = [flowers("first.csv"), flowers("second.csv", seed=1)]
    names.append(names[0])  # Twice is twice.
    head, *rows = run("predict", model, *names).out.splitlines()
    assert head == "data,label"
    one_by_one = [run("predict", model, name).out.splitlines()[1:] for name in names]
    labels = [f"{name},{label}" for name, of in zip(names, one_by_one, strict=True) for label in of]
    assert rows == labels
    assert set(one_by_one[0]) == set(KINDS)


def test_probabilities_as_an_array(run, model, flowers, tmp_path, expected):
    assert run("predict", model, flowers(), "--out", "out.npy").code == 0
    probabilities = np.load(tmp_path / "out.npy", allow_pickle=False)
    assert (probabilities.shape, probabilities.dtype) == ((90, 3), np.float32)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


def test_a_label_column_in_front(run, model, flowers, expected):
    result = run(
        "predict", model, flowers("new.csv", label_first=True), "--proba", "--label", "kind"
    )
    np.testing.assert_allclose(table(result.out)[1], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--out", "out.txt"),
            "--out is 'out.txt': expected a name that ends in one of .csv, .npy",
        ),
        (
            ("--out", "no_folder/out.csv"),
            "--out: cannot write no_folder/out.csv: there is no folder",
        ),
        (("--out", "flowers.csv"), "--out is flowers.csv, which this command reads: expected"),
        (("--backend", "dask"), "does not run on dask"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_options_that_cannot_be_met(fails, model, flowers, arguments, message):
    assert message in fails("predict", model, flowers(), *arguments)


def test_samples_with_other_features(fails, model, tmp_path):
    (tmp_path / "wide.csv").write_text("1,2,3,4\n5,6,7,8\n")
    assert "wide.csv has 4 columns, and no names to find them by: expected 3" in fails(
        "predict", model, "wide.csv"
    )


def test_the_label_column_of_the_training_is_remembered(run, tmp_path):
    rng = np.random.default_rng(0)
    kinds = np.arange(60) % 2
    rows = [f"{'ab'[k]},{k + rng.normal(0, 0.1):.4f},{rng.normal():.4f}" for k in kinds]
    (tmp_path / "first.csv").write_text("kind,x,y\n" + "\n".join(rows) + "\n")
    (tmp_path / "bare.csv").write_text("x,y\n0.0,0.1\n1.0,0.1\n")
    assert run("train", "first.csv", "--label", "kind", *SMALL).code == 0
    assert "accuracy 100.00%" in run("evaluate", "xpnet-first.safetensors", "first.csv").out
    labelled = run("predict", "xpnet-first.safetensors", "first.csv").out.splitlines()[1:]
    assert [line[0] for line in labelled] == ["ab"[k] for k in kinds]
    bare = run("predict", "xpnet-first.safetensors", "bare.csv").out.splitlines()[1:]
    assert [line[0] for line in bare] == ["a", "b"]


def written(path, names, flowers):
    """The columns `names` of the flowers, in that order, in a file at `path`."""
    head, *rows = csv.reader(flowers().read_text().splitlines())
    cells = (dict(zip(head, row, strict=True)) | {"colour": "red"} for row in rows)
    lines = [names, *([row[name] for name in names] for row in cells)]
    path.write_text("".join(",".join(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    "names",
    [
        ["width", "length"],
        ["kind", "width", "length"],
        ["width", "colour", "length", "kind", "colour"],
    ],
    ids=",".join,
)
def test_features_are_found_by_name(run, model, flowers, tmp_path, expected, names):
    path = written(tmp_path / "new.csv", names, flowers)
    result = run("predict", model, path, "--proba")
    assert (result.code, result.err) == (0, "")
    np.testing.assert_allclose(table(result.out)[1], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("names", "missing"),
    [(["colour", "width"], "'length'"), (["colour", "kind"], "'length', 'width'")],
    ids=["one", "all"],
)
def test_features_that_are_not_there(fails, model, flowers, tmp_path, names, missing):
    line = fails("predict", model, written(tmp_path / "new.csv", names, flowers))
    assert f"new.csv has no column {missing}: expected all features that the model" in line


def test_in_float64_nothing_is_rounded_to_float32(run, model, flowers, tmp_path):
    run("predict", model, flowers(), "--out", "out.npy", "--dtype", "float64")
    net, params, metadata = xpnet.load(model)
    scaled = (load(flowers()).X_train - metadata["scaling_shift"]) / metadata["scaling_scale"]
    double = tuple(xpnet.Dense(W.astype(np.float64), b.astype(np.float64)) for W, b in params)
    expected = xpnet.predict(net, double, scaled.T).T
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-12)


def test_one_prediction_is_no_plural(run, model, tmp_path):
    (tmp_path / "one.csv").write_text("length,width\n100000,1\n")
    assert run("predict", model, "one.csv", "--out", "OUT.CSV").out == "1 prediction OUT.CSV\n"
