"""Cache of machine code on disk: a file for each loop and signature, checked before it is used.

A file is named by all that it was made of, and written under another name first. So processes that
write at once write the same, and none reads half a file.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from xpnet._stamps import PREFIX, PYTHON

_DIGEST = sha256().digest_size
_faults: list[str] = []
_warned: list[str] = []


def read(file: Path) -> bytes | None:
    """What `write` wrote, or None where there is no such file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not as it was written.
    """
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        raise ValueError(f"{file.name} is damaged")
    return content[_DIGEST:]


def write(file: Path, content: bytes, its_stamp: str) -> None:
    """Write `content`, and remove what is of no use any more from the same folder.

    Raises
    ------
    OSError
        If it cannot be written; nothing is then left.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    _remove_former(file.parent, its_stamp)
    draft = file.with_name(f"{file.name}.{uuid4().hex}")
    try:
        draft.write_bytes(sha256(content).digest() + content)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@cache
def _remove_former(folder: Path, its_stamp: str) -> None:
    """Remove this Python's code of other sources, once a process.

    Whoever would still read it finds no file, and compiles.
    """
    for file in folder.glob(f"{PREFIX}.*.nbc*"):
        if its_stamp not in file.name and f".{PYTHON}-" in file.name:
            with suppress(OSError):
                file.unlink()


def note(fault: str) -> None:
    """Keep what is wrong for a warning where no compilation is under way."""
    _faults.append(fault)


def warn_once() -> None:
    """Warn of the first fault that was noted, once a process."""
    if _faults and not _warned:
        _warned.append(_faults[0])
        warnings.warn(
            f"compiled kernels are not kept, or no longer as they were, in {_faults[0]}. This "
            "process compiles its own; NUMBA_CACHE_DIR names another folder",
            RuntimeWarning,
            stacklevel=3,
        )
