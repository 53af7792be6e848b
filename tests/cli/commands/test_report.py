"""``xpnet report`` and ``xpnet train --report``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.cli.conftest import SMALL
from tests.report.markup import Page


@pytest.fixture
def without_figures(monkeypatch):
    """Leave the figures out: to draw them takes longer than all the rest."""
    monkeypatch.setattr("xpnet.report.figures._inline", lambda file, title, words: "")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, file, **options: None)


@pytest.mark.usefixtures("without_figures")
def test_a_training_and_its_model_give_the_same_report(run, flowers):
    path = flowers()
    asked = (*SMALL, "--epochs", "2", "--plot", "a.svg", "--save", "model", "--report", "a.html")
    trained = run("train", path, *asked)
    assert (trained.code, trained.err) == (0, "")
    assert trained.out.endswith("report a.html\n")
    assert run("report", "model", path, "--out", "b.html").code == 0
    report = Path("a.html").read_text()
    assert Path("b.html").read_text() == report
    words = Page(report).text
    accuracy = re.search(r"accuracy (\S+)", trained.out)[1]
    assert f"accuracy on test samples of flowers {accuracy}" in words
    command = f"xpnet train {path} {' '.join(asked)} --backend=numpy --device=cpu --dtype=float32"
    assert f"repeats it: {command} Settings" in words
    for fact in ("epochs 2", "batch size 8", "lr 0.02", "seed 0", "all epochs done"):
        assert fact in words
    assert "images" not in words


@pytest.mark.usefixtures("without_figures")
def test_pixels_of_a_table_are_images(run, tmp_path):
    rng = np.random.default_rng(0)
    names = [f"pixel_{i}_{j}" for i in range(2) for j in range(2)]
    rows = [[*rng.integers(0, 17, 4), "ab"[k % 2]] for k in range(40)]
    table = "\n".join(",".join(map(str, row)) for row in [[*names, "kind"], *rows])
    (tmp_path / "pixels.csv").write_text(table)
    asked = (*SMALL, "--epochs", "1", "--no-plot", "--report", "a.html")
    assert run("train", tmp_path / "pixels.csv", *asked).code == 0
    words = Page(Path("a.html").read_text()).text
    assert "those with the largest weights first" in words
    assert "pixel_ 0_ 0" not in words
    assert "features are shown" not in words


@pytest.mark.usefixtures("without_figures")
def test_a_model_alone_and_one_of_a_former_version(run, model, tmp_path):
    net, params, metadata = xpnet.load(model)
    del metadata["training"]
    xpnet.save(tmp_path / "former.safetensors", net, params, **metadata)
    for path, record in ((model, True), ("former.safetensors", False)):
        assert run("report", path, "--out", "out.html").code == 0
        words = Page(Path("out.html").read_text()).text
        assert ("keeps no record of its training" in words) is not record
        assert "accuracy on" not in words


def test_a_damaged_record_is_refused(fails, model, tmp_path):
    net, params, metadata = xpnet.load(model)
    metadata["training"]["history"][0]["cost"] = "low"
    xpnet.save(tmp_path / "damaged", net, params, **metadata)
    assert "expected a record with the entries command, " in fails("report", "damaged")


@pytest.mark.usefixtures("without_figures")
def test_the_folder_of_a_run_stands_for_its_newest_checkpoint(run, fails, flowers, monkeypatch):
    path, folder = flowers(), Path("runs/flowers")
    run("train", path, *SMALL, "--epochs", "3", "--run", folder)
    assert run("report", folder).out == "report runs/flowers.html\n"
    words = Page(Path("runs/flowers.html").read_text()).text
    assert "ended 3 epochs, 27 steps: all epochs done" in words
    newest, *_ = sorted(folder.iterdir(), reverse=True)
    newest.write_bytes(newest.read_bytes()[:-1])
    result = run("report", folder, path)
    assert (result.code, result.err.count("\n")) == (0, 1)
    assert "; the one before is taken" in result.err
    words = Page(Path("runs/flowers.html").read_text()).text
    assert "ended 2 epochs, 18 steps: it may go on" in words
    assert "accuracy on test samples" in words
    assert "is a folder without a checkpoint that is whole" in fails("report", "runs")
    monkeypatch.chdir(folder)
    assert run("report", ".").out == "report flowers.html\n"


@pytest.mark.usefixtures("without_figures")
def test_digits_are_shown_as_images(run):
    run("train", "digits", *SMALL, "--epochs", "1", "--save", "model")
    assert run("report", "model", "digits").out == "report model.html\n"
    page = Page(Path("model.html").read_text())
    assert len(page.elements["img"]) == 12 + 12 + 1


def test_what_cannot_be_written_is_refused_before_training(fails, flowers, model, monkeypatch):
    path = flowers()
    assert "--report is 'a.pdf': expected a name" in fails("train", path, "--report", "a.pdf")
    assert "--out is 'a.pdf': expected a name" in fails("report", model, "--out", "a.pdf")
    Path("model.html").write_bytes(model.read_bytes())
    assert "which this command reads" in fails("report", "model.html")
    for module in [name for name in sys.modules if name.startswith(("xpnet.report", "jinja2"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "xpnet.cli.results.reports", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    needed = "the command line needs jinja2: pip install 'xpnet[cli]'"
    assert fails("train", path, "--report", "a.html") == needed
    assert not Path("xpnet-flowers.safetensors").exists()
