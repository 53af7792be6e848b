from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import xpnet
from tests.cli.conftest import SMALL
from tests.cli.test_signals import HANGUP
from xpnet.callbacks import Progress

NAME = "xpnet-flowers.safetensors"
FORMER = b"the former model"


@pytest.fixture(autouse=True)
def heeded():
    """Ctrl-C is heeded, also where a shell runs the tests in the background."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.fixture
def former(tmp_path):
    """A file under the name of the model; no training may replace it without a reason."""
    path = tmp_path / NAME
    path.write_bytes(FORMER)
    return path


def send(monkeypatch, moment, *signals, at=1):
    """Have `signals` sent to this process at the `moment` of a training, its `at`-th."""
    times = []

    def then(progress, argument):
        times.append(argument)
        if len(times) == at:
            for number in signals:
                signal.raise_signal(number)

    monkeypatch.setattr(Progress, "every_step", True)  # of a run, it would see the last alone
    monkeypatch.setattr(Progress, moment, then)


def diverge(monkeypatch, *, epochs):
    """Have the training diverge after so many epochs."""

    def fit(net, params, *batch, **options):
        history = tuple({"epoch": number, "cost": 0.5} for number in range(1, epochs + 1))
        raise xpnet.DivergenceError(epochs + 1, 9 * epochs + 4, 0.02, params, history)

    monkeypatch.setattr("xpnet.cli.models.fitting.fit", fit)


@pytest.mark.parametrize(
    ("moment", "at", "steps"), [("on_start", 1, "0 steps"), ("on_step", 3, "3 steps")]
)
def test_a_model_is_not_replaced_by_one_without_an_epoch(
    run, flowers, former, monkeypatch, moment, at, steps
):
    send(monkeypatch, moment, signal.SIGINT, at=at)
    result = run("train", flowers(), *SMALL)
    assert former.read_bytes() == FORMER
    line = f"xpnet: interrupted: {steps} done and no epoch: the former model stays in {NAME}\n"
    assert (result.code, result.err) == (130, line)
    assert "accuracy" not in result.out.splitlines()[-1]


def test_a_signal_before_the_training_has_begun(run, flowers, former, monkeypatch):
    def fit(*arguments, **options):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("xpnet.cli.models.fitting.fit", fit)
    result = run("train", flowers(), *SMALL)
    line = f"xpnet: interrupted: the former model stays in {NAME}\n"
    assert (result.code, result.err) == (143, line)
    assert former.read_bytes() == FORMER


def test_steps_are_kept_where_no_model_was(run, flowers, tmp_path, monkeypatch):
    send(monkeypatch, "on_step", signal.SIGINT, at=3)
    result = run("train", flowers(), *SMALL)
    assert (result.code, result.err) == (130, "")
    assert f"\ninterrupted after 3 steps\nmodel {NAME}\ntest accuracy " in result.out
    assert xpnet.load(tmp_path / NAME)[2]["classes"] == ["iris", "lily", "rose"]
    assert not (tmp_path / "xpnet-flowers.png").exists()


def test_nothing_is_saved_before_the_first_step(run, flowers, tmp_path, monkeypatch):
    send(monkeypatch, "on_start", signal.SIGINT)
    result = run("train", flowers(), *SMALL)
    assert result.code == 130
    assert result.err == "xpnet: interrupted: 0 steps done and no epoch: nothing is saved\n"
    assert not (tmp_path / NAME).exists()


@pytest.mark.usefixtures("a_terminal")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), HANGUP])
def test_a_signal_after_an_epoch_replaces_the_former_model(
    run, flowers, former, monkeypatch, number, code
):
    send(monkeypatch, "on_epoch", number, at=2)
    result = run("train", flowers(), *SMALL)
    assert (result.code, result.err) == (code, "")
    assert f"\n{NAME} is replaced if all goes well (--save FILE for another)\n" in result.out
    assert f"\ninterrupted after 2 epochs\nmodel {NAME}\n" in result.out
    assert xpnet.load(former)[0].sizes == (2, 8, 3)


def test_signals_after_the_first_wait_until_the_model_is_saved(run, flowers, former, monkeypatch):
    send(monkeypatch, "on_epoch", signal.SIGINT)
    send(monkeypatch, "on_end", signal.SIGINT, signal.SIGTERM)
    result = run("train", flowers(), *SMALL)
    assert (result.code, result.err) == (130, "xpnet: interrupted\n")
    assert result.out.endswith(f"\ninterrupted after 1 epoch\nmodel {NAME}\n")
    assert xpnet.load(former)[0].sizes == (2, 8, 3)


def test_a_signal_while_the_model_is_saved_waits(run, flowers, former, monkeypatch):
    real = Path.replace

    def interrupted(path, target):
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        real(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    result = run("train", flowers(), *SMALL, "--epochs", "2")
    assert (result.code, result.err) == (143, "xpnet: interrupted\n")
    assert result.out.endswith(f"all epochs done after 2 epochs\nmodel {NAME}\n")
    assert xpnet.load(former)[0].sizes == (2, 8, 3)


def test_a_signal_in_the_last_epochs_callbacks_waits(run, flowers, former, monkeypatch):
    send(monkeypatch, "on_epoch", signal.SIGINT, at=2)
    result = run("train", flowers(), *SMALL, "--epochs", "2")
    assert (result.code, result.err) == (130, "xpnet: interrupted\n")
    assert result.out.endswith(f"all epochs done after 2 epochs\nmodel {NAME}\n")
    assert xpnet.load(former)[0].sizes == (2, 8, 3)


def test_a_signal_that_was_lost_is_raised_at_the_next_step(run, flowers, tmp_path, monkeypatch):
    def lose(progress, step):
        if step.index == 5:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Progress, "every_step", True)
    monkeypatch.setattr(Progress, "on_step", lose)
    result = run("train", flowers(), *SMALL)
    assert result.code == 143
    assert "interrupted after 6 steps" in result.out


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_diverged_training_never_replaces_a_model(fails, flowers, former, monkeypatch, epochs):
    diverge(monkeypatch, epochs=epochs)
    line = fails("train", flowers(), *SMALL)
    assert line.endswith(f"at learning rate 0.02: lower --lr; the former model stays in {NAME}")
    assert former.read_bytes() == FORMER


def test_what_was_learned_before_a_divergence_is_saved_where_no_model_was(
    fails, flowers, tmp_path, monkeypatch
):
    diverge(monkeypatch, epochs=2)
    line = fails("train", flowers(), *SMALL)
    assert line.endswith(f"lower --lr; 2 epochs before it are saved in {NAME}")
    assert xpnet.load(tmp_path / NAME)[0].sizes == (2, 8, 3)


@pytest.fixture
def wrong(monkeypatch):
    """Every training ends sure of what is wrong, at a cost that is finite."""

    def fit(net, params, X, Y, **options):
        result = xpnet.fit(net, params, X, Y, **options)
        last = result.params[-1]
        params = (*result.params[:-1], xpnet.Dense(-9 * last.W, -9 * last.b))
        history = (*result.history[:-1], {**result.history[-1], "cost": 8e4})
        return result._replace(params=params, history=history)

    monkeypatch.setattr("xpnet.cli.models.fitting.fit", fit)


def test_what_is_worse_than_guessing_never_replaces_a_model(fails, flowers, former, wrong):
    line = fails("train", flowers(), *SMALL)
    words = rf"the cost ends at \S+, above the 1\.099 of guessing: lower --lr; .* stays in {NAME}"
    assert re.fullmatch(words, line)
    assert former.read_bytes() == FORMER


def test_what_is_worse_than_guessing_is_saved_where_no_model_was(run, flowers, tmp_path, wrong):
    result = run("train", flowers(), *SMALL)
    words = r"xpnet: the cost ends at \S+, above the 1\.099 of guessing: lower --lr\n"
    assert re.fullmatch(words, result.err)
    assert result.code == 0
    assert xpnet.load(tmp_path / NAME)[0].sizes == (2, 8, 3)


def test_a_signal_that_ends_it_worse_than_guessing(run, flowers, former, monkeypatch, wrong):
    send(monkeypatch, "on_epoch", signal.SIGINT)
    result = run("train", flowers(), *SMALL)
    assert result.code == 130
    assert result.err.startswith("xpnet: interrupted: the cost ends at ")
    assert former.read_bytes() == FORMER


def test_a_penalty_is_no_sign_of_guessing(run, flowers, former):
    result = run("train", flowers(), *SMALL, "--l2", "10", "--epochs", "2")
    assert (result.code, result.err) == (0, "")
    assert xpnet.load(former)[0].sizes == (2, 8, 3)


def test_a_divergence_in_the_first_epoch_saves_nothing(fails, flowers, tmp_path, monkeypatch):
    diverge(monkeypatch, epochs=0)
    assert fails("train", flowers(), *SMALL).endswith("lower --lr; nothing is saved")
    assert not (tmp_path / NAME).exists()


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of its own, on which files can be made, but no byte written."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=64k", "xpnet-test", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        (folder / "filler").write_bytes(bytes(64 * 1024))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disks_of_the_other_files_end_neither_training_nor_saving(
    run, flowers, tmp_path, full_disk
):
    options = ("--checkpoint", "full/last", "--log", "full/log", "--plot", "full/curve.png")
    result = run("train", flowers(), *SMALL, *options)
    why = "No space left on device"
    later = "the training goes on, and tries again after each epoch"
    assert result.err.splitlines() == [
        f"xpnet: cannot write full/last ({why}): {later}",
        f"xpnet: cannot write full/log ({why}): {later}",
        f"xpnet: --plot: cannot write full/curve.png: {why}",
    ]
    assert result.code == 2
    assert "all epochs done after 20 epochs\n" in result.out
    assert xpnet.load(tmp_path / NAME)[0].sizes == (2, 8, 3)
    assert sorted(path.name for path in full_disk.iterdir()) == ["filler", "log"]


@pytest.mark.parametrize("option", ["--checkpoint", "--log"])
def test_a_file_that_is_missing_at_the_end_is_a_failure(run, flowers, full_disk, option):
    result = run("train", flowers(), *SMALL, option, "full/file")
    assert result.err.startswith("xpnet: cannot write full/file (No space left on device)")
    assert result.code == 2
    assert result.out.endswith("\nplot  xpnet-flowers.png\n")


def test_a_model_whose_disk_is_full_goes_to_the_temporary_folder(
    run, flowers, tmp_path, full_disk, monkeypatch
):
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    (full_disk / "m").write_bytes(b"")
    result = run("train", flowers(), *SMALL, "--save", "full/m", "--plot", "curve.png")
    [path] = elsewhere.iterdir()
    assert result.code == 2
    assert result.err == (
        f"xpnet: --save: cannot write full/m: No space left on device; the model is in {path} "
        "instead\n"
    )
    assert result.out.endswith("\ntest accuracy 100.00% (18 samples)\nplot  curve.png\n")
    assert xpnet.load(path)[2]["classes"] == ["iris", "lily", "rose"]
    assert (full_disk / "m").read_bytes() == b""


def test_a_model_that_can_be_saved_nowhere(fails, flowers, tmp_path, monkeypatch):
    def save(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xpnet.persist.save", save)
    line = fails("train", flowers(), *SMALL)
    why = "No space left on device"
    assert line == (
        f"--save: cannot write {NAME}: {why}; nor can it be saved in the temporary folder ({why}): "
        "the model is lost"
    )


def test_predictions_on_a_full_disk(fails, flowers, model, full_disk):
    line = fails("predict", model, flowers(), "--out", "full/p.csv")
    assert line == "--out: cannot write full/p.csv: No space left on device"
