from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.cli.conftest import SMALL, contents
from tests.data.conftest import idx_bytes
from xpnet.kernels import ACTIVATIONS

PNG = b"\x89PNG\r\n\x1a\n"


def accuracy(text):
    """The test accuracy that ``xpnet train`` or the accuracy that ``evaluate`` printed."""
    return float(re.search(r"accuracy ([\d.]+)%", text)[1]) / 100


def test_digits_with_the_defaults(tmp_path):
    # More threads than the machine has to spare would be waited for.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "xpnet", "train", "digits"]
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    assert accuracy(run.stdout) >= 0.97
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert lines[0].startswith("digits: 1295 training, 143 validation, 359 test samples")
    assert re.search(r"(done|in epoch \d+) after \d+ epochs$", lines[-5])
    assert lines[-4] == "model xpnet-digits.safetensors"
    assert lines[-2:] == ["settings xpnet-digits.toml", "plot  xpnet-digits.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "xpnet-digits.png",
        "xpnet-digits.safetensors",
        "xpnet-digits.toml",
    ]
    assert (tmp_path / "xpnet-digits.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("header", [True, False], ids=["header", "no header"])
def test_a_table_with_labels_in_words(run, flowers, tmp_path, header):
    result = run("train", flowers(header=header), *SMALL)
    assert (result.code, result.err) == (0, "")
    assert accuracy(result.out) == 1.0
    assert "flowers: 72 training, 0 validation, 18 test samples" in result.out
    few = "fewer than 1000 training samples: --l2 0.111 and --validation 0 by default\n"
    assert few in result.out
    assert "is replaced" not in result.out
    net, _, metadata = xpnet.load(tmp_path / "xpnet-flowers.safetensors")
    assert net == xpnet.Network((2, 8, 3), output="softmax")
    assert metadata["classes"] == ["iris", "lily", "rose"]


@pytest.mark.parametrize(("epochs", "falling"), [(6, True), (150, False)])
@pytest.mark.parametrize("validation", ["0", "0.2"])
def test_a_cost_is_said_to_fall_where_twice_the_epochs_lower_it(
    run, flowers, tmp_path, epochs, falling, validation
):
    said, rows = [], []
    for more in (1, 2):
        asked = ("--epochs", more * epochs, "--validation", validation, "--log", f"log{more}")
        said.append(run("train", flowers(), *SMALL, "--lr", "0.005", *asked).out)
        lines = (tmp_path / f"log{more}").read_text().splitlines()
        rows.append([json.loads(line) for line in lines])
    name, column = ("training", "cost") if validation == "0" else ("validation", "val_cost")
    line = f"the {name} cost was still falling: --epochs {2 * epochs} may give a better model\n"
    assert (line in said[0]) is falling
    assert ("still falling" in said[0]) is falling
    (first, *_, once), (*_, twice) = ([row[column] for row in run] for run in rows)
    assert (once - twice > 0.05 * first) is falling


def test_options_of_few_samples_are_those_that_are_given(run, flowers):
    for validation in ("--validation", "0.2"), ("--patience", "3"):
        assert "samples: --l2 0.1" in run("train", flowers(), *SMALL, *validation).out
        assert "by default" not in run("train", flowers(), *SMALL, *validation, "--l2", "0").out


@pytest.mark.parametrize("label", ["kind", "0"])
def test_a_label_column_by_name_or_number(run, flowers, label):
    result = run("train", flowers(label_first=True), *SMALL, "--label", label)
    assert accuracy(result.out) == 1.0


def test_the_same_seed_gives_the_same_file(run, flowers, tmp_path):
    def trained(seed, name):
        run("train", flowers(), *SMALL, "--dropout", "0.2", "--seed", seed, "--save", name)
        return contents(tmp_path / name)

    first = trained(1, "first")
    assert trained(1, "second") == first
    assert trained(2, "third") != first


def test_an_archive_and_a_folder_with_test_parts(run, tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(60, dtype=np.uint8) % 3
    X = (rng.integers(0, 50, (60, 2, 2)) + 100 * y[:, None, None]).astype(np.uint8)
    np.savez(tmp_path / "pack.npz", X_train=X[:50], y_train=y[:50], X_test=X[50:], y_test=y[50:])
    folder = tmp_path / "folder"
    folder.mkdir()
    for part, rows in (("train", slice(50)), ("t10k", slice(50, None))):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(X[rows]))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(y[rows]))
    words = "50 training, 0 validation, 10 test samples; layers (4, 8, 3)"
    costs = []
    for source in ("pack.npz", "folder"):
        result = run("train", source, *SMALL)
        assert words in result.out
        costs.append(re.findall(r"cost (\S+)", result.out))
    assert costs[0] == costs[1]


def test_the_backends_agree(run, flowers, tmp_path, monkeypatch):
    costs = []
    for name in ("numpy", "torch", "jax", "array_api_strict"):
        monkeypatch.setenv("XPNET_BACKEND", name)
        run("train", flowers(), *SMALL, "--epochs", "1", "--log", f"{name}.jsonl")
        costs.append(json.loads((tmp_path / f"{name}.jsonl").read_text())["cost"])
    assert costs[1:] == pytest.approx(costs[:1] * 3, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        ("--activation", "tanh", "--l2", "0.1"),
        ("--optimizer", "nesterov", "--schedule", "constant"),
        ("--hidden", "", "--validation", "0.1"),
        ("--dtype", "float64", "--dropout", "0.1"),
    ],
    ids=" ".join,
)
def test_options_reach_the_training(run, flowers, model, tmp_path, options):
    other = run("train", flowers(), *SMALL, *options, "--save", "other")
    assert other.code == 0
    plain, changed = xpnet.load(model)[1], xpnet.load(tmp_path / "other")[1]
    assert not np.array_equal(plain[0].W, changed[0].W)


def test_options_as_arguments_of_fit(run, flowers, monkeypatch):
    def fit(net, params, X, Y, **given):
        assert net == xpnet.Network((2, 4, 5, 3), "tanh", "softmax")
        assert np.array_equal(params[0].W, net.init(7, "glorot_uniform")[0].W)
        optimizer = given["optimizer"]
        expected = {"epochs": 5, "batch_size": 16, "l2": 0.1, "dropout": 0.2, "seed": 7}
        assert expected.items() <= given.items()
        # 5 epochs of 5 steps, the last with the two samples that are left of 66.
        assert optimizer.rate(1) == 0.5
        assert 0 < optimizer.rate(25) < 0.01
        assert optimizer.rate(26) == pytest.approx(0.0)
        raise RuntimeError("seen")

    monkeypatch.setattr("xpnet.cli.models.fitting.fit", fit)
    network = ("--hidden", "4,5", "--activation", "tanh")
    training = (
        "--epochs",
        "5",
        "--batch-size",
        "16",
        "--optimizer",
        "sgd",
        "--lr",
        "0.5",
        "--l2",
        "0.1",
    )
    result = run("train", flowers(), *network, *training, "--dropout", "0.2", "--seed", "7")
    assert result.err == "xpnet: seen\n"


def test_the_plot_lies_beside_the_model(run, flowers, tmp_path):
    (tmp_path / "out").mkdir()
    result = run("train", flowers(), *SMALL, "--epochs", "2", "--save", "out/m.safetensors")
    assert result.out.endswith(f"plot  {Path('out/m.png')}\n")
    assert (tmp_path / "out" / "m.png").exists()


def test_early_stopping_keeps_the_best(run, flowers, tmp_path):
    options = ("--patience", "2", "--epochs", "200", "--optimizer", "sgd", "--log", "log.jsonl")
    result = run("train", flowers(), *SMALL, *options, "--lr", "2", "--checkpoint", "last")
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    costs = [row["val_cost"] for row in rows]
    assert len(rows) < 200
    assert min(costs) == costs[-3]
    assert f"than {costs[-3]:.4g} in epoch {len(rows) - 2} after {len(rows)} epochs" in result.out
    last, kept = xpnet.load(tmp_path / "last"), xpnet.load(tmp_path / "xpnet-flowers.safetensors")
    assert last[2]["epoch"] == len(rows)
    assert not np.array_equal(last[1][0].W, kept[1][0].W)


def test_a_checkpoint_is_a_model(run, flowers):
    path = flowers()
    run("train", path, *SMALL, "--checkpoint", "last")
    evaluated = run("evaluate", "last", path)
    assert evaluated.code == 0
    assert accuracy(evaluated.out) == 1.0


def test_a_cost_that_is_not_finite(fails, flowers, tmp_path):
    line = fails("train", flowers(), *SMALL, "--optimizer", "sgd", "--lr", "1e30")
    assert re.fullmatch(
        r"the cost is not finite from step \d+ on, in epoch 1, at learning rate \S+: lower --lr; "
        r"nothing is saved",
        line,
    )
    assert not (tmp_path / "xpnet-flowers.safetensors").exists()


def test_a_diverged_training_leaves_an_earlier_model_as_it_was(run, fails, flowers, tmp_path):
    run("train", flowers(), *SMALL)
    before = (tmp_path / "xpnet-flowers.safetensors").read_bytes()
    fails("train", flowers(), *SMALL, "--optimizer", "sgd", "--lr", "1e30")
    assert (tmp_path / "xpnet-flowers.safetensors").read_bytes() == before


def test_ctrl_c_keeps_what_was_learned(flowers, tmp_path):
    # Where the tests run in the background, a shell has them ignore Ctrl-C, and so their heirs.
    heeding = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"import signal, sys; {heeding}; from xpnet.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "train", str(flowers()), *SMALL]
    command += ["--epochs", "1000000", "--log", "log.jsonl"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    log = tmp_path / "log.jsonl"
    try:
        while process.poll() is None and not (log.exists() and log.read_bytes()):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, err) == (130, "")
    assert "\ninterrupted after " in out
    assert "\nmodel xpnet-flowers.safetensors\n" in out
    assert xpnet.load(tmp_path / "xpnet-flowers.safetensors")[2]["classes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hidden", "8x"), "--hidden is '8x': expected the units of each hidden layer"),
        (("--activation", "rely"), f"expected one of {', '.join(ACTIVATIONS)}"),
        (("--optimizer", "adamant"), "--optimizer is 'adamant': expected one of sgd, momentum"),
        (("--dropout", "1"), "for '--dropout': 1 is not a share of units, 0 or more"),
        (("--label", "colour"), "has no column 'colour': expected a number from 0 to 2"),
        (("--backend", "theano"), "backend 'theano' is unknown: choose one of numpy"),
        (("--backend", "dask"), "this command does not run on dask: choose another --backend"),
        (("--device", "cuda:7"), "backend 'numpy' has no device 'cuda:7' here: choose one of cpu"),
        (("--dtype", "int8"), "dtype 'int8' is unknown: choose float32 or float64"),
        (("--save", "no_folder/model"), "--save: cannot write no_folder/model: there is no folder"),
        (("--plot", "."), "--plot: cannot write .: it is a folder, expected a"),
        (("--save", "model.png"), "--plot is model.png, which --save writes: expected another"),
        (("--save", "flowers.csv"), "--save is flowers.csv, which this command reads: expected"),
        (("--save", ""), "--save: cannot write .: it is a folder"),
        (("--plot", "x.bmp"), "--plot is 'x.bmp': expected a name that ends in one of .png, .pdf"),
        (("--log", "no_folder/log"), "--log: cannot write no_folder/log: there is no folder"),
        (("--patience", "3", "--validation", "0"), "give --validation more than 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_options_that_cannot_be_met(fails, flowers, tmp_path, arguments, message):
    path = flowers()
    assert message in fails("train", path, *SMALL, *arguments)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.csv", None, "there is no file or folder no.csv: expected 'digits', a folder of IDX"),
        ("text.txt", "words", "text.txt is of a kind that cannot be read: expected 'digits'"),
        ("table.csv", "a,b\n1,x\n2\n", "table.csv, line 3 has 1 columns: expected 2"),
        ("pack.npz", "no archive", "pack.npz cannot be read"),
        ("one.csv", "a,b\n1,x\n2,x\n" * 3, "line 4 has 'a' in column 'a': expected a finite num"),
    ],
)
def test_data_that_cannot_be_read(fails, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    assert message in fails("train", name)


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--lr", ["-1", "0", "nan", "inf"]),
        ("--l2", ["-1", "nan", "inf"]),
        ("--dropout", ["-0.1", "1", "nan"]),
        ("--validation", ["-0.1", "0.95", "nan"]),
        ("--epochs", ["-1", "0", "nan"]),
        ("--batch-size", ["-1", "0"]),
        ("--patience", ["0"]),
        ("--seed", ["-1"]),
        ("--hidden", ["0,-5", "nan"]),
    ],
)
def test_numbers_out_of_range(fails, flowers, tmp_path, option, values):
    path = flowers()
    for value in values:
        assert option in fails("train", path, *SMALL, option, value)
    assert list(tmp_path.iterdir()) == [path]


def test_one_epoch_is_no_plural(run, flowers):
    result = run("train", flowers(), *SMALL, "--epochs", "1")
    assert "all epochs done after 1 epoch\n" in result.out


def test_the_learning_curve_has_a_title(run, flowers, tmp_path, real_plots):
    run("train", flowers(), *SMALL, "--plot", "curve.svg")
    # matplotlib draws letters as paths, and names the text in a comment.
    assert (
        "<!-- flowers: test accuracy 100.00% (18 samples) -->"
        in (tmp_path / "curve.svg").read_text()
    )


def test_the_rate_is_found_and_recorded(run, flowers, tmp_path):
    options = (
        "--hidden",
        "8",
        "--epochs",
        "2",
        "--lr",
        "find",
        "--no-plot",
        "--save",
        "a.safetensors",
    )
    result = run("train", flowers(), *options)
    assert result.code == 0
    line = next(line for line in result.out.splitlines() if line.startswith("lr    "))
    assert line.endswith(", found by the first steps at 25 rates from 1e-05 to 10")
    rate = float(line.split()[1].rstrip(","))
    assert xpnet.load(tmp_path / "a.safetensors", xp="numpy")[2]["settings"]["lr"] == rate
    assert f"lr = {rate}\n" in (tmp_path / "a.toml").read_text()
    of_sgd = run("train", "flowers.csv", *options, "--optimizer", "sgd")
    assert line not in of_sgd.out
