from __future__ import annotations

import errno
import io
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from xpnet.persist import ModelFileError
from xpnet.persist.atomic import write_whole

if os.name == "posix":
    import fcntl

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")


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
    assert calls == ["fsync", "replace", "fsync"]


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
    with pytest.raises(OSError, match=r"No space left on device: '.*/file'$"):
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


def leave_a_temporary(path):
    """Write to `path` in a process that is killed before it is done; return what it left."""
    script = (
        "import os, signal, sys; from pathlib import Path; from xpnet.persist import atomic\n"
        "os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        "atomic.write_whole(Path(sys.argv[1]), b'half')"
    )
    before = set(path.parent.iterdir())
    run = subprocess.run([sys.executable, "-c", script, str(path)])
    assert run.returncode == -signal.SIGKILL
    [left] = set(path.parent.iterdir()) - before
    return left


@posix
def test_what_a_killed_process_left_is_removed_by_the_next_write_of_that_name(old):
    other = leave_a_temporary(old.with_name("other"))
    left = leave_a_temporary(old)
    assert left.read_bytes() == b"half"
    write_whole(old, b"new")
    assert sorted(old.parent.iterdir()) == sorted([old, other])
    assert old.read_bytes() == b"new"


@posix
def test_what_another_writer_is_still_writing_stays(old, monkeypatch):
    real, second = os.replace, []

    def meanwhile(*paths):
        # Another write of the name, begun and done while this one is on its way.
        if not second:
            second.append(True)
            write_whole(old, b"second")
            assert old.read_bytes() == b"second"
        real(*paths)

    monkeypatch.setattr(os, "replace", meanwhile)
    write_whole(old, b"first")
    assert old.read_bytes() == b"first"
    assert list(old.parent.iterdir()) == [old]


@posix
def test_a_temporary_removed_before_it_was_locked_is_made_anew(old, monkeypatch):
    real, removed = fcntl.flock, []

    def late(file, how):
        if not removed:
            [name] = [path for path in old.parent.iterdir() if path != old]
            name.unlink()
            removed.append(name)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_whole(old, b"new")
    assert removed
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


@posix
def test_an_interrupt_right_after_the_temporary_was_made_leaves_none(old, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", fail_with(KeyboardInterrupt()))
    before = old.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_whole(old, b"new")
    assert old.read_bytes() == before
    assert list(old.parent.iterdir()) == [old]


@posix
def test_where_files_cannot_be_locked_they_are_written_all_the_same(old, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", fail_with(OSError(errno.ENOLCK, "No locks available")))
    left = leave_a_temporary(old)
    write_whole(old, b"new")
    assert old.read_bytes() == b"new"
    assert sorted(old.parent.iterdir()) == sorted([old, left])


@posix
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_a_file_keeps_its_mode(old, mode):
    old.chmod(mode)
    write_whole(old, b"new")
    assert stat.S_IMODE(old.stat().st_mode) == mode


@posix
@pytest.mark.parametrize("there", [True, False], ids=["a file", "nothing yet"])
def test_a_link_is_followed(tmp_path, there):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "file", tmp_path / "link"
    if there:
        target.write_bytes(b"old")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127])
def test_names_up_to_the_limit_of_the_file_system(tmp_path, name):
    path = tmp_path / name
    for data in (b"old", b"new"):
        write_whole(path, data)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_what_a_write_of_a_long_name_left_is_found_too(tmp_path):
    path = tmp_path / ("n" * 255)
    leave_a_temporary(path)
    write_whole(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
