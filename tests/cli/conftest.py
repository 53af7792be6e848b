"""The command line run in this process, and small tables to run it on."""

from __future__ import annotations

import io
import signal
from contextlib import redirect_stdout
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.figure import Figure

import xpnet
from xpnet.cli import main
from xpnet.cli.signals import SIGNALS


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def a_terminal():
    """Hear every signal that the command line does: under nohup, SIGHUP is ignored."""
    former = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.fixture
def real_plots():
    """Ask for learning curves as they are; `blank_plots` looks for the name."""


@pytest.fixture(autouse=True)
def blank_plots(request, monkeypatch):
    """Leave learning curves blank: drawing one is ten times slower than the trainings here."""
    if "real_plots" not in request.fixturenames:
        monkeypatch.setattr(
            "xpnet.plot.learning_curve", lambda history, title: Figure(figsize=(1, 1))
        )


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Return a function that runs ``xpnet`` with its arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_xpnet(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return Result(end.value.code, *capsys.readouterr())

    return run_xpnet


@pytest.fixture
def fails(run):
    """Return a function that runs ``xpnet``, which must fail with one line, and returns it."""

    def failing_line(*arguments):
        code, _, err = run(*arguments)
        assert code == 2
        assert err.startswith("xpnet: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err.removeprefix("xpnet: ").rstrip("\n")

    return failing_line


def contents(path):
    """All that a model file holds, but how long its training took and how it was started."""
    net, params, metadata = xpnet.load(path, xp="numpy")
    record = metadata.pop("training")
    history = [{name: row[name] for name in row if name != "seconds"} for row in record["history"]]
    stays = {name: record[name] for name in record if name not in ("command", "peak_memory")}
    kept = {name: np.asarray(value).tolist() for name, value in metadata.items()}
    arrays = [array.tobytes() for layer in params for array in layer]
    return net, arrays, kept, stays | {"history": history}


def write_flowers(path, *, header=True, label_first=False, labelled=True, seed=0):
    """Write 90 flowers of 3 kinds as a CSV file and return its path."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(["iris", "lily", "rose"], 30)
    X = rng.normal(0.0, 0.3, (90, 2)) + np.repeat([[0, 0], [0, 5], [5, 0]], 30, axis=0)
    # Of very different sizes, so that nothing is learned without scaling.
    columns = [[f"{x:.6f}" for x in X[:, 0] * 1e4 + 1e5], [f"{x:.6f}" for x in X[:, 1]]]
    names = ["length", "width"]
    if labelled:
        position = 0 if label_first else 2
        columns.insert(position, kinds.tolist())
        names.insert(position, "kind")
    rows = [names] * header + list(zip(*columns, strict=True))
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    return path


@pytest.fixture
def flowers(tmp_path):
    """Return a function that writes the flowers by a name into the test's folder."""
    return lambda name="flowers.csv", **options: write_flowers(tmp_path / name, **options)


SMALL = ("--hidden", "8", "--epochs", "20", "--batch-size", "8", "--lr", "0.02")
"""Options of a training that learns the flowers in an instant."""


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The path of a model trained on the flowers; to be read only."""
    folder = tmp_path_factory.mktemp("model")
    data, path = write_flowers(folder / "flowers.csv"), folder / "flowers.safetensors"
    with redirect_stdout(io.StringIO()), pytest.raises(SystemExit, match="0"):
        main(["train", str(data), *SMALL, "--backend", "numpy", "--save", str(path)])
    return path
