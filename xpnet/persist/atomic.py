"""Atomic writing of files: whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from xpnet.exceptions import ModelFileError

if sys.platform != "win32":
    import fcntl

_START = ".xpnet-"
"""Of the names of temporary files."""


def check_path(path: Path) -> None:
    """Raise ModelFileError unless `path` can name a file: in a folder, and no folder or device."""
    folder = _behind_links(path).parent
    if not folder.is_dir():
        raise ModelFileError(f"cannot write {path}: there is no folder {folder}, create it")
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device"
        raise ModelFileError(f"cannot write {path}: it is {kind}, expected a file's name")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`; whatever fails, the file that was there stays as it was.

    The bytes go to a temporary file in the same folder (a rename across file systems would be a
    copy), onto the disk, and then over `path` in one step, which goes onto the disk as well. What
    is left of a write that was killed is removed by the next one to `path`. The file keeps its
    mode; a link is followed.

    Raises ModelFileError where the folder does not exist, or `path` is itself a folder or a device;
    Raises OSError where the system cannot write: no space, no permission.
    """
    check_path(path)
    target = _behind_links(path)
    # Of a name of any length, and a short one: the system's limit is that of the file's own name.
    start = f"{_START}{sha256(os.fsencode(target.name)).hexdigest()[:16]}-"
    remove_left(target.parent, start)
    with _temporary(target, start) as (file, name):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if sys.platform == "win32":
            file.close()  # Windows renames no open file.
        name.replace(target)
    _sync_folder(target.parent)


def remove_left(folder: Path, start: str = _START) -> None:
    """Remove what killed writes have left in `folder`."""
    for left in folder.glob(f"{start}*.tmp"):
        _remove_if_left(left)


def _sync_folder(folder: Path) -> None:
    """Put the names in `folder` on the disk: else a power cut may bring an older file back."""
    if sys.platform != "win32":
        # Some file systems know no such thing; the file itself is whole.
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _behind_links(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextmanager
def _temporary(target: Path, start: str) -> Iterator[tuple[BinaryIO, Path]]:
    """A locked file beside `target`, and its name; removed if the block fails."""
    name = target.with_name(f"{start}{token_hex(4)}.tmp")
    try:
        with _locked(name) as file:
            if target.exists():
                # A file system that has no modes does not keep one.
                with suppress(OSError):
                    name.chmod(stat.S_IMODE(target.stat().st_mode))
            yield file, name
    except BaseException as error:
        name.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(target)  # A full disk does not name the file.
        raise


@contextmanager
def _locked(name: Path) -> Iterator[BinaryIO]:
    """A new file that is locked until it is closed."""
    while True:
        # Opened by name, not by tempfile, which would leave the file unreadable to other users.
        with name.open("xb") as file:
            _lock(file, wait=True)
            if name.exists():
                yield file
                return
        # Another writer took it for one that was left, before it was locked.


def _remove_if_left(temporary: Path) -> None:
    """Remove `temporary` unless its writer still lives."""
    # To be written to, as NFS locks no other.
    with suppress(OSError), temporary.open("r+b") as file:
        if sys.platform == "win32":
            file.close()  # Windows removes no open file: neither ours nor its writer's.
        if _lock(file, wait=False):
            temporary.unlink()


def _lock(file: BinaryIO, *, wait: bool) -> bool:
    """Lock `file` until it is closed or its process dies; return whether that was possible."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            # Held by another, or on a file system without locks: nothing there is ever removed.
            return False
    return True
