"""The base class, and files on a disk that is full for a while: the training goes on."""

from __future__ import annotations

import errno
import json
import os
import stat

import pytest

import xpnet
from xpnet.callbacks import Callback, Checkpoint, JSONLog


def test_the_base_class_changes_nothing(fitted):
    bare, heard = fitted([]), fitted([Callback()])
    assert heard.stopped == "all epochs done"
    assert [row["cost"] for row in bare.history] == [row["cost"] for row in heard.history]


@pytest.fixture
def full(monkeypatch):
    """Return a set of counts of written files, from 1: these find no space on the disk."""
    tries, really = [], os.fsync

    def fsync(descriptor):
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)  # and not its folder
        tries.extend([None] * is_file)
        if is_file and len(tries) in when:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really(descriptor)

    when = set()
    monkeypatch.setattr(os, "fsync", fsync)
    return when


def warned(path):
    return pytest.warns(
        RuntimeWarning,
        match=rf"^cannot write {path} \(No space left on device\): the training goes on, and tri",
    )


def test_a_log_that_finds_no_space_is_completed_later(tmp_path, fitted, full):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 0}\n')
    full |= {1, 2}
    with warned(path) as heard:
        result = fitted([JSONLog(path)], epochs=4)
    assert len(heard) == 1
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [{"epoch": 0}, *result.history]


def test_a_log_is_left_without_half_a_line(tmp_path, fitted, full):
    path = tmp_path / "history.jsonl"
    full |= {2, 3}
    with warned(path):
        result = fitted([JSONLog(path)])
    assert path.read_text() == json.dumps(result.history[0]) + "\n"


def test_a_later_training_starts_its_log_afresh(tmp_path, fitted, full):
    path = tmp_path / "history.jsonl"
    log = JSONLog(path)
    full |= {1, 2}
    for _ in range(2):
        with warned(path):
            result = fitted([log], epochs=1)
    assert path.read_text() == ""
    assert log.failed
    result = fitted([log], epochs=1)
    assert not log.failed
    assert path.read_text() == json.dumps(result.history[0]) + "\n"


def test_a_checkpoint_that_finds_no_space_is_tried_again_after_the_next_epoch(
    tmp_path, fitted, full
):
    path = tmp_path / "checkpoint.safetensors"
    full |= {1, 2}
    with warned(path) as heard:
        checkpoint = Checkpoint(path, every=2)
        result = fitted([checkpoint], epochs=5)
    assert len(heard) == 1
    assert checkpoint.failed
    assert (result.stopped, len(result.history)) == ("all epochs done", 5)
    # Due after 2 and 4: tried after 2 and 3, saved after 4 and, as the last, 5.
    assert xpnet.load(path)[2]["epoch"] == 5


def test_a_checkpoint_not_written_leaves_the_former_file(tmp_path, fitted, full):
    path = tmp_path / "checkpoint.safetensors"
    full |= {2, 3}
    with warned(path):
        fitted([Checkpoint(path)])
    assert xpnet.load(path)[2]["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_best_epoch_that_was_not_written_does_not_count_as_saved(tmp_path, played, full):
    path = tmp_path / "checkpoint.safetensors"
    full |= {2}
    rows = [{"val_cost": cost} for cost in (3.0, 1.0, 2.0, 2.5)]
    with warned(path):
        played(Checkpoint(path, best="val_cost"), rows)
    assert xpnet.load(path)[2]["epoch"] == 3


def test_a_folder_that_goes_away_ends_no_training(tmp_path, fitted):
    folder = tmp_path / "folder"
    folder.mkdir()

    class Removing(Callback):
        def on_epoch(self, epoch):
            folder.rmdir()

    path = folder / "checkpoint.safetensors"
    with pytest.warns(RuntimeWarning, match=r"there is no folder .*the training goes on"):
        result = fitted([Removing(), Checkpoint(path)], epochs=1)
    assert result.stopped == "all epochs done"


@pytest.mark.parametrize("kind", [Checkpoint, JSONLog])
@pytest.mark.parametrize("path", [None, 5, ["a"]])
def test_a_path_that_is_none(kind, path):
    with pytest.raises(TypeError, match=r"^path is .*: expected a file's name, a str or a Path$"):
        kind(path)
