from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

import pytest

from xpnet.persist import ModelFileError
from xpnet.persist.atomic import write_whole


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def fail_with(error):
    def fail(*arguments, **named):
        raise error

    return fail


def test_a_file_is_written_and_replaced(old):
    write_whole(old, b"new and longer")
    assert old.read_bytes() == b"new and longer"
    assert list(old.parent.iterdir()) == [old]


def test_the_bytes_are_on_the_disk_before_the_name_is(old, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, name=name, real=real: (calls.append(name), real(*args))
        )
    write_whole(old, b"new")
    assert calls == ["fsync", "replace"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_other(old, monkeypatch, function, error):
    monkeypatch.setattr(os, function, fail_with(error))
    with pytest.raises(type(error)):
        write_whole(old, b"new")
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(old, monkeypatch):
    class Full(io.FileIO):
        """A file on a disk that is full after half of the bytes."""

        def write(self, data):
            super().write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda self, mode: Full(self, mode.replace("b", "")))
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(old, b"new and longer")
    monkeypatch.undo()
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "ours", b"")
    ours, usual = (stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("ours", "usual"))
    assert ours == usual


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(
        ModelFileError, match=r"cannot write .*gone/x: there is no folder .*gone, cr"
    ):
        write_whole(tmp_path / "gone" / "x", b"")


def test_a_folder_in_the_place_of_the_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"cannot write .*: it is a folder, expected a file's"):
        write_whole(tmp_path, b"")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_a_device_in_the_place_of_the_file(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ModelFileError, match=r"cannot write .*pipe: it is a device, expected a"):
        write_whole(path, b"")
    assert path.is_fifo()
