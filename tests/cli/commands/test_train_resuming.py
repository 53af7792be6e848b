"""``xpnet train --run FOLDER --resume``: what ended is gone on with."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.commands.test_train_saving import NAME, heeded, send
from tests.cli.conftest import SMALL, contents

__all__ = ["heeded"]

RUN = ("--run", "runs/flowers", "--log", "log", "--dropout", "0.1", "--patience", "9")


@pytest.mark.parametrize(
    ("number", "code", "moment"),
    [(signal.SIGINT, 130, "on_step"), (signal.SIGTERM, 143, "on_epoch")],
)
def test_a_signal_leaves_a_checkpoint_from_which_the_run_goes_on(
    run, flowers, tmp_path, number, code, moment
):
    path = flowers()
    whole = run("train", path, *SMALL, *RUN[2:])
    expected, log = contents(tmp_path / NAME), (tmp_path / "log").read_text()
    (tmp_path / "log").unlink()
    (tmp_path / NAME).unlink()

    with pytest.MonkeyPatch.context() as monkeypatch:
        send(monkeypatch, moment, number, at=7)
        result = run("train", path, *SMALL, *RUN)
    assert (result.code, result.err) == (code, "")
    assert "\nrun   runs/flowers, which --resume goes on with\n" in result.out
    result = run("train", path, *SMALL, *RUN, "--resume")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-3:] == whole.out.splitlines()[-3:]
    assert contents(tmp_path / NAME) == expected
    assert untimed(tmp_path / "log") == untimed(text=log)

    # A checkpoint is a model, with what the command line needs to use it.
    checkpoint = max((tmp_path / "runs" / "flowers").iterdir())
    assert run("evaluate", checkpoint, path).code == 0


def test_the_folder_of_a_run_predicts_as_its_model_the_best_epoch_kept(run, flowers):
    path = flowers()
    asked = ("--lr", "0.5", "--dropout", "0.5", "--patience", "3", "--run", "runs")
    assert "val_cost no better for 3 epochs" in run("train", path, *SMALL, *asked).out
    expected = run("predict", NAME, path, "--proba").out
    assert run("predict", "runs", path, "--proba").out == expected
    assert run("predict", max(Path("runs").iterdir()), path, "--proba").out != expected


def untimed(path=None, text=None):
    rows = map(json.loads, (text or path.read_text()).splitlines())
    return [row | {"seconds": 0} for row in rows]


def test_a_full_disk_is_one_line(run, fails, flowers, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    said = fails("train", flowers(), *SMALL, "--run", "runs")
    assert "No space left on device: the training ends without a checkpoint" in said
    assert not list((tmp_path / "runs").iterdir())


def test_what_is_refused(run, fails, flowers):
    path = flowers()
    assert "give its folder by --run FOLDER" in fails("train", path, *SMALL, "--resume")
    assert run("train", path, *SMALL, "--run", "runs").code == 0
    assert "--run is runs, which holds a run" in fails("train", path, *SMALL, "--run", "runs")
    said = fails("train", path, *SMALL, "--run", "runs", "--resume", "--l2", "0.5")
    assert "runs holds a run that is another: l2 is 0.5, the run has 0.111" in said
