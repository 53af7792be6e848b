"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex

from xpnet.persist.errors import ModelFileError

__all__ = ["check_place", "write_whole"]


def check_place(path: Path) -> None:
    """Raise ModelFileError unless `path` can name a file: in a folder, and no folder or device."""
    if not path.parent.is_dir():
        raise ModelFileError(f"cannot write {path}: there is no folder {path.parent}, create it")
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device"
        raise ModelFileError(f"cannot write {path}: it is {kind}, expected a file's name")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`; whatever fails, the file that was there stays as it was.

    The bytes go to a temporary file in the same folder (a rename across file systems would be a
    copy), onto the disk, and then over `path` in one step. No temporary file is left behind.

    Raises
    ------
    ModelFileError
        Where the folder does not exist, or `path` is itself a folder or a device.
    OSError
        Where the system cannot write: no space, no permission.
    """
    check_place(path)
    # Opened by name, not by tempfile, which would leave the file unreadable to other users.
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
