from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import xpnet
from tests.cli.conftest import SMALL
from xpnet.data import load

KINDS = ["iris", "lily", "rose"]


def session(path):
    """The exported model in onnxruntime."""
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return runtime.InferenceSession(path)


@pytest.fixture(autouse=True)
def needed():
    pytest.importorskip("ndonnx", reason="the extra onnx is not installed")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_answers_as_before(run, model, flowers, dtype):
    result = run("export", model, "out.onnx", "--dtype", dtype)
    assert result == (0, f"X (N, 2) of {dtype} -> label, probabilities\nmodel out.onnx\n", "")
    net, params, metadata = xpnet.load(model)
    X = load(flowers()).X_train.astype(dtype)
    scaled = (X - metadata["scaling_shift"]) / metadata["scaling_scale"]
    A = xpnet.predict(net, params, scaled.T.astype("float32")).T
    label, probabilities = session("out.onnx").run(None, {"X": X})
    assert label.tolist() == [KINDS[k] for k in A.argmax(axis=1)]
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, A, atol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "poisson"])
def test_a_regression_answers_in_its_units(run, flowers, loss):
    rows = ("--label", "length", "--drop", "kind", "--task", "regression", "--no-plot")
    run("train", flowers(), *rows, *SMALL, "--loss", loss, "--save", "m")
    _, *lines = run("predict", "m", flowers()).out.split()
    assert run("export", "m", "out.onnx").out.startswith("X (N, 1) of float32 -> variable\n")
    X = load(flowers(), label="length", drop=["kind"], task="regression").X_train
    [found] = session("out.onnx").run(None, {"X": X.astype("float32")})
    np.testing.assert_allclose(found[:, 0], np.array(lines, float), rtol=1e-4)


def test_gaps_and_words_answer_as_before(run, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"sex": [*"fm"] * 30, "age": rng.normal(40, 10, 60), "label": [*"uvw"] * 20}
    )
    table["adult"], table["y"] = rng.random(60) < 0.5, np.where(table.sex == "f", "yes", "no")
    table.loc[rng.random(60) < 0.2, ["age", "label"]] = np.nan
    table.to_csv("table.csv", index=False)
    asked = ("--impute", "median", "--one-hot", "--no-plot", "--save", "m")
    run("train", "table.csv", *SMALL, *asked)
    said = run("export", "m", "out.onnx").out
    assert said.startswith(
        "X (N, 2) of float32 ('age', 'adult'), 'sex' (N, 1) of text, 'label_' (N, 1) of text -> "
    )
    assert "\ntexts are compared exactly: without blanks around them, '' for a gap\n" in said
    table.loc[0, "sex"] = "x"
    table.to_csv("later.csv", index=False)
    run("predict", "m", "later.csv", "--proba", "--out", "out.csv")
    expected = pd.read_csv("out.csv")
    given = {
        "X": table[["age", "adult"]].to_numpy("float32"),
        "sex": table[["sex"]].to_numpy(object),
        "label_": table[["label"]].fillna("").to_numpy(object),
    }
    label, probabilities = session("out.onnx").run(None, given)
    assert label.tolist() == expected.label.tolist()
    np.testing.assert_allclose(probabilities, expected[["p_no", "p_yes"]], atol=1e-5)


def test_numbers_that_are_rounded(run, model, tmp_path):
    net, params, metadata = xpnet.load(model)
    metadata["scaling_shift"] = np.array([1.7e9, 0.0])
    xpnet.save(tmp_path / "times.safetensors", net, params, **metadata)
    assert "column 'length' holds numbers that float32 rounds: --dtype float64\n" in (
        run("export", "times.safetensors", "out.onnx").out
    )
    assert "rounds" not in run("export", "times.safetensors", "out.onnx", "--dtype", "float64").out


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("out.onx", "OUT is 'out.onx': expected a name that ends in one of .onnx"),
        ("no/out.onnx", "OUT: cannot write no/out.onnx: there is no folder no, create it"),
        ("model.onnx", "OUT is model.onnx, which this command reads: expected another name"),
    ],
)
def test_files_that_cannot_be_written(fails, model, tmp_path, out, message):
    (tmp_path / "model.onnx").write_bytes(model.read_bytes())
    assert fails("export", "model.onnx", out) == message


def test_without_the_extra(fails, model, monkeypatch, tmp_path):
    monkeypatch.setattr("xpnet.export.onnx.find_spec", lambda name: None)
    assert fails("export", model, "out.onnx") == (
        "ONNX models need ndonnx, onnx, onnxruntime, spox: pip install 'xpnet[onnx]'"
    )
    assert not (tmp_path / "out.onnx").exists()
