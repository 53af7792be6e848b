"""Trainings that are killed and resumed: they end as if nothing had happened."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import xpnet
from tests.kernels.cases import Library, random_case
from tests.train.cases import STEPS_AN_EPOCH, Heard, Kill, Killed, train, unreal_gradient
from xpnet import Checkpoints, DivergenceError, ModelFileError, optim
from xpnet.callbacks import Callback, EarlyStopping

EPOCHS = 6
EACH_STEP = 1e-9  # seconds


class KillProcess(Callback):
    def on_epoch(self, epoch):
        if epoch.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)


def make_case(m=10, **settings):
    """A case with weights and a penalty."""
    options = {"output": "softmax", "weighted": True, "l2": 0.1}
    return random_case((3, 5, 2), m=m, **options, **settings)


@pytest.fixture
def case():
    return make_case()


def settings(case):
    """All else that a run depends on: dropout, a schedule, patience."""
    rate = optim.warmup(optim.cosine(0.05, EPOCHS * STEPS_AN_EPOCH), 4)
    validation = (case.X[:, :4], case.Y[:, :4])
    options = {"optimizer": optim.nadam(rate), "dropout": 0.3, "seed": 3, "epochs": EPOCHS}
    return options | {"validation": validation, "callbacks": [EarlyStopping(patience=3)]}


def run(case, folder=None, kill=None, every="epoch", **changed):
    options = settings(case) | changed
    options["callbacks"] = [*options["callbacks"], *([kill] if kill else [])]
    if folder is not None:
        options = {"checkpoint": Checkpoints(folder, every=every), "resume": True} | options
    return train(case, **options)


def killed(case, folder, *kill, every="epoch", every_step=None, **changed):
    with pytest.raises(Killed):
        run(case, folder, Kill(*kill, every_step=every_step), every, **changed)


def as_bits(result):
    """Everything in a result but how long it took."""
    arrays = [np.ascontiguousarray(t).tobytes() for layer in result.params for t in layer]
    rows = [{name: row[name] for name in row if name != "seconds"} for row in result.history]
    return arrays, repr(rows), result.stopped, result.steps


@pytest.mark.usefixtures("plain_and_fused")
@pytest.mark.parametrize(
    ("every", "kill"),
    [
        ("epoch", (1,)),  # before the first checkpoint
        ("epoch", (2 * STEPS_AN_EPOCH + 2,)),
        ("epoch", (0, 3)),
        (EACH_STEP, (2,)),
        (EACH_STEP, (2 * STEPS_AN_EPOCH + 2,)),
        (EACH_STEP, (3 * STEPS_AN_EPOCH,)),
        (EACH_STEP, (0, 3)),
    ],
)
def test_a_killed_training_ends_to_the_bit_as_one_that_was_not(case, tmp_path, every, kill):
    killed(case, tmp_path, *kill, every=every)
    assert as_bits(run(case, tmp_path, every=every)) == as_bits(run(case))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_killed_within_runs_of_steps(library, tmp_path):
    pytest.importorskip(library)
    case = make_case(m=60).on(Library(library), "float64")
    options = {"batch_size": 1, "epochs": 2}
    for step in (7, 30, 80):
        killed(case, tmp_path, step, every=EACH_STEP, every_step=False, **options)
    assert as_bits(run(case, tmp_path, **options)) == as_bits(run(case, **options))


def test_killed_on_every_library(eager_xp, case, tmp_path):
    case = case.on(eager_xp)
    # Before and after by runs, as single steps of other libraries round otherwise than NumPy's.
    killed(case, tmp_path, 5, every=EACH_STEP, every_step=False)
    resumed, whole = run(case, tmp_path), run(case)
    for found, expected in zip(resumed.params, whole.params, strict=True):
        np.testing.assert_array_equal(eager_xp.to_numpy(found.W), eager_xp.to_numpy(expected.W))
    assert type(resumed.params[0].W) is type(case.params[0].W)
    assert resumed.history[-1]["val_cost"] == whole.history[-1]["val_cost"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_a_process_that_kills_itself(case, tmp_path):
    code = "import sys; from tests.train.checkpoints.test_recorder import *; " + (
        "run(make_case(), sys.argv[1], KillProcess())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    assert as_bits(run(case, tmp_path)) == as_bits(run(case))


@pytest.mark.parametrize("step", [2, STEPS_AN_EPOCH, STEPS_AN_EPOCH + 2])
def test_ctrl_c_writes_where_it_was(case, tmp_path, step):
    def interrupt(moment, event):
        if moment == "step" and event.index == step:
            signal.raise_signal(signal.SIGINT)

    result = run(case, tmp_path, Heard(interrupt))
    assert (result.stopped, result.steps) == ("interrupted", step)
    assert (tmp_path / f"step-{step:010d}.safetensors").exists()
    assert as_bits(run(case, tmp_path)) == as_bits(run(case))


def test_ctrl_c_in_the_last_epoch_comes_too_late_for_the_run(case, tmp_path):
    whole = run(case)

    def interrupt(moment, event):
        if moment == "epoch" and event.number == len(whole.history):
            signal.raise_signal(signal.SIGINT)

    assert run(case, tmp_path, Heard(interrupt)).stopped == "interrupted"
    assert as_bits(run(case, tmp_path)) == as_bits(whole)


def test_what_is_interrupted_half_way_is_not_written(case, tmp_path):
    """The second of two callbacks has not seen the epoch that the first has."""

    def interrupt(moment, event):
        if moment == "epoch" and event.number == 2:
            raise KeyboardInterrupt

    assert run(case, tmp_path, Heard(interrupt)).stopped == "interrupted"
    assert [file.name for file in tmp_path.iterdir()] == ["step-0000000003.safetensors"]
    assert as_bits(run(case, tmp_path)) == as_bits(run(case))


@pytest.fixture
def slow_step(monkeypatch):
    """A callback: its fourth step takes ten seconds, by a clock that shows a ms more each time."""
    passed = []

    def now():
        passed.append(1e-3)
        return sum(passed)

    clock = SimpleNamespace(perf_counter=now)
    monkeypatch.setattr("xpnet.train.checkpoints.recorder.time", clock)
    monkeypatch.setattr("xpnet.train.epochs.time", clock)

    def pass_time(moment, event):
        if moment == "step" and event.index == 4:
            passed.append(10.0)

    return Heard(pass_time)


def test_files_are_as_many_seconds_apart_but_for_the_last(case, tmp_path, slow_step):
    checkpoint = Checkpoints(tmp_path, keep=9, every=5.0)
    run(case, tmp_path, slow_step, checkpoint=checkpoint, epochs=2)
    assert [file.name for file in checkpoint.files] == [
        f"step-{step:010d}.safetensors" for step in (2 * STEPS_AN_EPOCH, 4)
    ]


def test_the_seconds_of_an_epoch_count_on(case, tmp_path, slow_step):
    callbacks = [EarlyStopping(patience=3), slow_step]
    killed(case, tmp_path, STEPS_AN_EPOCH + 2, every=EACH_STEP, callbacks=callbacks)
    seconds = [row["seconds"] for row in run(case, tmp_path).history]
    assert max(seconds[0], *seconds[2:]) < 10.0 < seconds[1]


def test_a_run_that_is_over_returns_its_result_at_once(case, tmp_path):
    heard, whole = Heard(), run(case, tmp_path)
    assert as_bits(run(case, tmp_path, heard)) == as_bits(whole)
    assert heard.moments == ["start", "end"]
    assert heard.run.steps_done == whole.steps


@pytest.mark.parametrize("step", [2 * STEPS_AN_EPOCH + 1, 2 * STEPS_AN_EPOCH + 2])
def test_a_diverging_run_diverges_again(case, tmp_path, step):
    def gradient(net, params, *data, **settings):
        """Each step takes 1 from the first bias, until the cost is NaN."""
        lowered = params[0].b - case.params[0].b
        cost = np.where(lowered[0, 0] < 1.5 - step, np.nan, 1.0)
        return cost, tuple(layer._replace(b=layer.b * 0 + 1) for layer in params)

    options = {"optimizer": optim.sgd(1.0), "value_and_grad": gradient, "validation": None}
    errors = []
    for folder in (None, tmp_path, tmp_path):
        with pytest.raises(DivergenceError) as caught:
            run(case, folder, callbacks=[], **options)
        errors.append(caught.value)
    assert [error.step for error in errors] == [step] * 3
    assert len(list(tmp_path.iterdir())) == 2
    assert errors[2].params[0].b.tobytes() == errors[0].params[0].b.tobytes()


def test_a_full_disk_ends_the_training_with_the_run_as_it_was(case, tmp_path, monkeypatch):
    killed(case, tmp_path, 0, 3)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="can be resumed from step-0000000006") as caught:
            run(case, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "step-0000000009.safetensors")
    assert "\n" not in str(caught.value)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert as_bits(run(case, tmp_path)) == as_bits(run(case))


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(case, tmp_path):
    killed(case, tmp_path, 0, 4)
    newest = tmp_path / "step-0000000009.safetensors"
    damage(newest)
    with pytest.warns(RuntimeWarning, match=r"09\.\w+ is damaged: .*from step-0000000006"):
        killed(case, tmp_path, 8, every=EACH_STEP)
    # It is no more in the way of those that the run makes when it has gone on from before it.
    assert not newest.exists()
    assert as_bits(run(case, tmp_path)) == as_bits(run(case))


def test_no_checkpoint_that_is_whole(case, tmp_path):
    killed(case, tmp_path, 0, 2)
    damage(tmp_path / "step-0000000003.safetensors")
    with pytest.raises(ModelFileError, match=r"no checkpoint that is whole: .*remove it to begin"):
        run(case, tmp_path)


def test_what_a_killed_write_left_is_removed(case, tmp_path):
    (tmp_path / ".xpnet-0123456789abcdef-01234567.tmp").write_bytes(b"half")
    run(case, tmp_path)
    assert all(file.suffix == ".safetensors" for file in tmp_path.iterdir())


OTHERS = {
    "epochs": (7, "epochs is 7, the run has 6"),
    "batch_size": (5, "batch_size is 5, the run has 4"),
    "seed": (4, "seed is 4, the run has 3"),
    "dropout": (0.2, "dropout is 0.2, the run has 0.3"),
    "l2": (0.5, "l2 is 0.5, the run has 0.1"),
    "optimizer": (optim.adam(0.05), "optimizer's kind is adam, the run has nadam"),
    "value_and_grad": (unreal_gradient, "value_and_grad is unreal_gradient, the run has the def"),
    "kernels": (xpnet.LOOPED, "kernels is dense_activation_looped, the run has the default"),
    "sample_weight": (None, "sample_weight is none, the run has float64"),
    "validation": (None, "validation X.T is none, the run has float64"),
    "callbacks": ([EarlyStopping(patience=2)], r"is \[\"EarlyStopping\(.*patience=2"),
}


def test_a_run_with_other_settings_is_refused(case, tmp_path):
    killed(case, tmp_path, 0, 2)
    for name, (value, match) in OTHERS.items():
        with pytest.raises(ValueError, match=f"holds a run that is another: .*{match}"):
            run(case, tmp_path, **{name: value})
    rate = optim.warmup(optim.cosine(0.05, 11), 4)
    with pytest.raises(ValueError, match=r"optimizer's learning rate at step 10 is 0\.0"):
        run(case, tmp_path, optimizer=optim.nadam(rate))
    assert as_bits(run(case, tmp_path)) == as_bits(run(case))


@pytest.mark.parametrize("name", ["X", "Y", "params", "net"])
def test_a_run_with_other_data_is_refused(case, tmp_path, name):
    killed(case, tmp_path, 0, 2)
    others = {"X": case.X + 1e-9, "Y": case.Y[::-1], "params": case.net.init(0, like=case.X)}
    changed = replace(case, **{name: others.get(name, make_case(hidden="relu").net)})
    said = {"X": r"X\.T is float64", "Y": r"Y\.T is float64", "net": "network is"}
    with pytest.raises(ValueError, match=f"that is another: .*{said.get(name, 'params is')}"):
        run(changed, tmp_path)


def test_a_run_in_the_way_is_not_written_over(case, tmp_path):
    killed(case, tmp_path, 0, 2)
    with pytest.raises(ValueError, match=r"holds step-0000000003\.\w+ of another run"):
        run(case, tmp_path, resume=False)


def test_arguments(case, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="there is no checkpoint to go on from"):
        run(case, resume=True)
    with pytest.raises(TypeError, match=r"checkpoint is a str: expected an xpnet\.Checkpoints"):
        run(case, checkpoint="runs")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelFileError, match="cannot make the folder"):
        run(case, tmp_path / "file")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ModelFileError, match="no permission to write in "):
        run(case, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"folder": 1}, TypeError, "folder is 1: expected"),
        ({"keep": 0}, ValueError, "keep"),
        ({"every": "step"}, ValueError, "every is 'step': expected"),
        ({"every": 0}, ValueError, "every is 0: expected"),
        ({"every": True}, ValueError, "every is True: expected"),
        ({"metadata": 1}, TypeError, "metadata is a int: expected a dict"),
    ],
)
def test_arguments_of_checkpoints(wrong, error, match):
    with pytest.raises(error, match=match):
        Checkpoints(**{"folder": "runs"} | wrong)
