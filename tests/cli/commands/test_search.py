"""``xpnet search``: what it prints, saves and draws."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import xpnet
from tests.cli.conftest import contents
from xpnet.model_selection.progress import Progress
from xpnet.train.epochs import EpochLoop

SMALL = ("--hidden", "8", "--epochs", "6", "--batch-size", "8", "--cv", "3")
GRID = ("--grid", "lr=0.001:0.1:log3")


def best_of(out):
    """The lines of the table."""
    lines = out.splitlines()
    start = next(k for k, line in enumerate(lines) if "samples held out" in line)
    return [line.split() for line in lines[start + 1 :] if line.startswith("  ")]


def test_the_best_is_saved_as_train_saves_it(run, flowers, tmp_path):
    data = flowers()
    found = run("search", data, *SMALL, *GRID, "--save", "best.safetensors", "--plot", "scores.svg")
    assert (found.code, found.err) == (0, "")
    assert "flowers: 72 samples in 3 folds on numpy" in found.out
    assert "3 candidates: 9 trainings" in found.out
    header, best, *others = best_of(found.out)
    assert header == ["mean", "std", "lr"]
    assert [float(row[0]) for row in (best, *others)] == sorted(
        (float(row[0]) for row in (best, *others)), reverse=True
    )
    assert "the 3 best of 3 candidates, by accuracy on samples held out:" in found.out
    assert "\nthe best is trained again on all training samples:\nflowers: " in found.out
    assert "test accuracy" in found.out
    assert "<svg" in (tmp_path / "scores.svg").read_text()
    assert not (tmp_path / "best.png").exists()
    settings = (tmp_path / "best.toml").read_text()
    assert f"lr = {best[2]}\n" in settings
    assert "grid" not in settings
    again = run("train", data, "--config", "best.toml", "--save", "again.safetensors", "--no-plot")
    assert again.code == 0
    assert contents(tmp_path / "best.safetensors") == contents(tmp_path / "again.safetensors")
    for command in ("evaluate", "predict", "report"):
        assert run(command, "best.safetensors", data).code == 0
    assert f"lr                {best[2]}" in run("info", "best.safetensors").out


def test_a_table_with_gaps_and_words(run, tmp_path):
    rng = np.random.default_rng(0)
    kinds, x = rng.choice(["rose", "iris"], 60), rng.normal(50.0, 9.0, 60)
    y = x / 10 + 3 * (kinds == "rose")
    rows = zip(kinds, ["" if k % 9 == 4 else f"{v:.3f}" for k, v in enumerate(x)], y, strict=True)
    text = "kind,x,y\n" + "".join(f"{kind},{x},{y:.4f}\n" for kind, x, y in rows)
    (tmp_path / "prices.csv").write_text(text)
    options = ("--impute", "median", "--one-hot", "--grid", "hidden=none,8x4", "--loss", "huber")
    result = run("search", "prices.csv", *options, "--lr", "0.03", "--cv", "2", "--quiet")
    assert result == (0, "", "")
    settings = xpnet.load(tmp_path / "xpnet-prices.safetensors", xp="numpy")[2]["settings"]
    assert settings["impute"] == "median"
    assert settings["loss"] == "huber"


def test_it_reads_the_options_of_a_training(run, flowers, tmp_path):
    (tmp_path / "a.toml").write_text('epochs = 2\nno-plot = true\nlr = 0.1\nhidden = "4"\n')
    result = run("search", flowers(), "--config", "a.toml", "--grid", "lr=0.01,0.02", "--cv", "2")
    assert result.code == 0
    settings = xpnet.load(tmp_path / "xpnet-flowers.safetensors", xp="numpy")[2]["settings"]
    assert (settings["epochs"], settings["hidden"]) == (2, "4")
    assert settings["lr"] in (0.01, 0.02)


def test_candidates_that_diverge(run, fails, flowers):
    data = flowers()
    found = run(
        "search", data, *SMALL, "--grid", "lr=0.01,1e30", "--random", "9", "--plot", "a.png"
    )
    assert found.code == 0
    assert "6 trainings in " in found.out
    assert ", 3 diverged\n" in found.out
    assert [row[-1] for row in best_of(found.out)] == ["lr", "0.01"]
    assert "\nthe best of 2 candidates, by accuracy on samples held out:\n" in found.out
    assert fails("search", data, *SMALL, "--grid", "lr=1e30") == (
        "every candidate diverged on some fold: give --grid lr smaller values"
    )


def test_ctrl_c_shows_what_is_known(run, flowers, tmp_path, monkeypatch):
    rounds = []

    def stopped_after_two(self, going, waiting):
        rounds.append(going)
        if len(rounds) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "__call__", stopped_after_two)
    result = run("search", flowers(), *SMALL, *GRID)
    assert (result.code, result.err) == (130, "xpnet: interrupted: nothing is saved\n")
    assert "\n0 of 9 trainings in " in result.out
    assert len(best_of(result.out)) == 4
    assert "the 3 best of 3 candidates so far, by accuracy" in result.out
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_signal_at_the_end_of_an_epoch(run, flowers, monkeypatch):
    complete = EpochLoop.complete

    def at_a_signal(self, row):
        signal.raise_signal(signal.SIGTERM)
        return complete(self, row)

    monkeypatch.setattr(EpochLoop, "complete", at_a_signal)
    assert run("search", flowers(), *SMALL, *GRID).code == 143


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lr", "find"), "--lr find is of xpnet train: search by --grid lr="),
        (("--plot", "scores.gif"), "--plot is 'scores.gif': expected a name that ends in one of"),
        (("--cv", "100"), "--cv is 100, but the training samples of the largest class are 24: e"),
        (("--grid", "optimizer=adam,eve"), "--optimizer is 'eve': expected one of"),
        (("--patience", "3", "--validation", "0"), "--patience follows the validation cost"),
    ],
)
def test_errors_before_anything_is_trained(fails, flowers, arguments, message):
    grid = ("--grid", "l2=0,0.1")
    assert fails("search", flowers(), "--hidden", "8", *grid, *arguments).startswith(message)
