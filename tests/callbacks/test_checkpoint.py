from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.callbacks.cases import NET, params, value
from xpnet.callbacks import Callback, Checkpoint
from xpnet.types import Epoch, Run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def saved_epochs(checkpoint, played, rows, monkeypatch):
    """The epochs that `checkpoint` saved while `rows` were played to it."""
    epochs = []
    keep = lambda path, net, params, **metadata: epochs.append(metadata["epoch"])  # noqa: E731
    monkeypatch.setattr("xpnet.callbacks.checkpoint.save", keep)
    played(checkpoint, rows)
    return epochs


@pytest.mark.parametrize(
    ("every", "expected"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])], ids=str
)
def test_every_few_epochs_and_after_the_last(path, played, monkeypatch, every, expected):
    checkpoint = Checkpoint(path, every=every)
    assert saved_epochs(checkpoint, played, [{}] * 5, monkeypatch) == expected


def test_only_the_best(path, played, monkeypatch):
    rows = [{"val_accuracy": a} for a in (0.5, 0.4, 0.8, 0.8, 0.7)]
    checkpoint = Checkpoint(path, best="val_accuracy")
    assert saved_epochs(checkpoint, played, rows, monkeypatch) == [1, 3]
    assert saved_epochs(checkpoint, played, rows[1:], monkeypatch) == [1, 2]


def test_the_file_is_a_whole_model(path, played):
    metadata = {"classes": ["a", "b"], "shift": np.arange(2.0)}
    played(Checkpoint(path, metadata=metadata), [{"cost": 0.25}])
    net, saved, read = xpnet.load(path)
    assert net == NET
    assert value(saved) == 1
    assert read.pop("shift").tolist() == [0.0, 1.0]
    row = {"epoch": 1, "cost": 0.25, "seconds": 0.1}
    assert read == {"classes": ["a", "b"], "epoch": 1, "row": row}


def test_a_crash_leaves_the_last_epoch_saved(path, fitted):
    class Crash(Callback):
        def on_epoch(self, epoch):
            if epoch.number == 2:
                raise RuntimeError("out of power")

    with pytest.raises(RuntimeError, match="out of power"):
        fitted([Checkpoint(path), Crash()])
    assert xpnet.load(path)[2]["epoch"] == 2


def test_a_stack_is_saved_with_its_row(path, fitted):
    fitted([Checkpoint(path)], stack=4)
    _, saved, metadata = xpnet.load(path)
    assert saved[0].W.shape == (4, 3, 2)
    assert len(metadata["row"]["cost"]) == 4


def test_a_missing_folder_is_known_before_the_first_step(tmp_path, fitted):
    class Steps(Callback):
        count = 0

        def on_step(self, step):
            self.count += 1

    steps, path = Steps(), tmp_path / "missing" / "checkpoint.safetensors"
    with pytest.raises(xpnet.ModelFileError, match=r"there is no folder .*missing, create it$"):
        fitted([Checkpoint(path), steps])
    assert steps.count == 0


def test_a_name_alone_is_in_the_current_folder(tmp_path, fitted, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fitted([Checkpoint("checkpoint.safetensors")])
    assert xpnet.load("checkpoint.safetensors")[0] == NET


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (1.5, TypeError)])
def test_every_out_of_range(path, every, error):
    message = f"every is {every}: expected a whole number, 1 or more epochs"
    with pytest.raises(error, match=message):
        Checkpoint(path, every=every)


@pytest.mark.parametrize("metadata", [5, "x", [("a", 1)]])
def test_metadata_of_another_kind(path, metadata):
    with pytest.raises(TypeError, match=r"^metadata is a \w+: expected a dict$"):
        Checkpoint(path, metadata=metadata)


def test_a_folder_in_its_place_is_known_before_the_first_step(tmp_path, played):
    with pytest.raises(xpnet.ModelFileError, match="it is a folder, expected a file's name"):
        played(Checkpoint(tmp_path), [{}])


def test_a_folder_that_cannot_be_written_in_is_known_before_the_first_step(
    path, played, monkeypatch
):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(xpnet.ModelFileError, match="no permission to write in"):
        played(Checkpoint(path), [{}])


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_parameters_that_are_not_finite_leave_the_former_file(path, played, fill):
    checkpoint = Checkpoint(path)
    played(checkpoint, [{}])
    checkpoint.on_epoch(Epoch(2, NET, params(fill), {"epoch": 2, "cost": 0.5}))
    _, saved, metadata = xpnet.load(path)
    assert (metadata["epoch"], value(saved)) == (1, 1)


def test_a_scaling_that_is_not_finite_is_an_error(path, played):
    checkpoint = Checkpoint(path, metadata={"scaling_shift": np.asarray([np.nan])})
    with pytest.raises(ValueError, match=r"^scaling_shift holds nan at 0"):
        played(checkpoint, [{}])


def test_parameters_are_looked_at_by_save_alone(path, played, monkeypatch):
    """Looking takes a read of every array, from whichever device."""
    given = []
    keep = lambda path, net, params, **metadata: given.append(value(params))  # noqa: E731
    monkeypatch.setattr("xpnet.callbacks.checkpoint.save", keep)
    checkpoint = Checkpoint(path)
    played(checkpoint, [{}])
    checkpoint.on_epoch(Epoch(2, NET, params(np.inf), {"epoch": 2, "cost": 0.5}))
    assert given == [1, np.inf]


def test_a_column_unknown(path):
    with pytest.raises(ValueError, match="monitor is 'loss': expected one of cost, accuracy"):
        Checkpoint(path, best="loss")


def test_the_best_outlives_a_resumed_training(path, played):
    first = Checkpoint(path, best="val_cost")
    played(first, [{"val_cost": 1.0}, {"val_cost": 0.5}])
    second = Checkpoint(path, best="val_cost")
    second.on_start(Run(NET, 4, 4, 100, steps_done=8))
    second.restore(first.state())
    for number, cost in ((3, 0.7), (4, 0.4)):
        row = {"epoch": number, "val_cost": cost}
        second.on_epoch(Epoch(number, NET, params(number), row))
        assert xpnet.load(path)[2]["row"]["val_cost"] == min(cost, 0.5)
