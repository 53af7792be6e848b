"""Output files: checks that they can be written, and errors where they could not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar

from xpnet.exceptions import ModelFileError
from xpnet.persist.atomic import check_path, write_whole

T = TypeVar("T")

PLOTS = {".png": "png", ".pdf": "pdf", ".svg": "svg", ".jpg": "jpg", ".jpeg": "jpg"}
"""matplotlib's formats, by the file's suffix."""

CANNOT_WRITE = (OSError, ModelFileError)
"""A full disk, a folder that is gone."""


def shown(option: str) -> str:
    """Return the name of an option as it is typed; an argument's is in capitals."""
    return option if option.isupper() else f"--{option}"


def by_suffix(option: str, path: Path, table: Mapping[str, T]) -> T:
    """Return the entry of `table` for the suffix of `path`.

    Raises ValueError if there is none: lists the choices.
    """
    suffix = path.suffix.lower()
    if suffix not in table:
        raise ValueError(
            f"{shown(option)} is {str(path)!r}: expected a name that ends in one of "
            f"{', '.join(table)}"
        )
    return table[suffix]


def check_writable(*inputs: str | Path, **outputs: Path | None) -> None:
    """Raise now, and not after an hour's training, if a file cannot be written.

    Parameters
    ----------
    *inputs : str or path
        What the command reads, and must not overwrite.
    **outputs : path or None
        By the name of the option, or in capitals that of the argument.

    Raises
    ------
    ValueError
        If a path is a folder, lies in a folder that cannot be written to, is an input or is given
        twice.
    """
    used = {Path(path).resolve(): "this command reads" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        _check_folder(option, path)
        if path.resolve() in used:
            raise ValueError(
                f"{shown(option)} is {path}, which {used[path.resolve()]}: expected another name"
            )
        used[path.resolve()] = f"{shown(option)} writes"


def _check_folder(option: str, path: Path) -> None:
    try:
        check_path(path)
        # A trial tells more than permissions do: of read-only disks, quotas, and the root user.
        with TemporaryFile(dir=path.parent):
            pass
    except ModelFileError as error:
        raise ValueError(f"{shown(option)}: {error}") from error
    except OSError as error:
        raise ValueError(
            f"{shown(option)}: cannot write {path}: {error.strerror} in {path.parent}; choose "
            "another folder"
        ) from error


def write(option: str, path: Path, content: bytes) -> None:
    """Write the file of an option, whole or not at all.

    Raises OSError if it cannot be written: names the option.
    """
    try:
        write_whole(path, content)
    except CANNOT_WRITE as error:
        raise OSError(write_error(option, path, error)) from error


def write_error(option: str, path: Path, error: Exception) -> str:
    """Return the message that `error` kept the file of `option` from being written."""
    return f"{shown(option)}: cannot write {path}: {reason(error)}"


def reason(error: Exception) -> str:
    """Return why a file cannot be written."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
