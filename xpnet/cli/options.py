"""Arguments and options that several commands share, and checks in the command line's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, TypeAlias, TypeVar

from typer import Argument, BadParameter, Option

from xpnet.backend import Backend, BackendError
from xpnet.persist import ModelFileError
from xpnet.persist.atomic import check_path

__all__ = [
    "BackendName",
    "DType",
    "DataSource",
    "Delimiter",
    "Device",
    "Header",
    "Label",
    "MaxMemory",
    "ModelPath",
    "by_suffix",
    "check_eager",
    "check_writable",
    "counted",
    "described",
    "number",
    "one_of",
    "size",
]

T = TypeVar("T")

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?", re.IGNORECASE)

_LEAST = 1000
"""Bytes."""


def size(text: str) -> int:
    """Return so many bytes as `text` says: ``500MB``, ``4 GB``."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise BadParameter(f"{text!r} is not a size, such as 500MB or 4GB")
    nbytes = int(float(match[1]) * 1000 ** " kmgt".index(match[2].lower() or " "))
    if nbytes < _LEAST:
        raise BadParameter(f"{text!r} is too little for any data: expected 1kB or more, as 500MB")
    return nbytes


DataSource: TypeAlias = Annotated[
    str,
    Argument(
        metavar="DATA",
        help="digits (built in), a folder of IDX files (as MNIST comes), FILE.npz or FILE.csv.",
        show_default=False,
    ),
]
ModelPath: TypeAlias = Annotated[
    Path, Argument(metavar="MODEL", help="A model that xpnet train saved.", show_default=False)
]
Label: TypeAlias = Annotated[
    str | None,
    Option(
        help="Label column of a .csv: name, or number from 0.",
        show_default="the model's, or the last",
    ),
]
Header: TypeAlias = Annotated[
    bool | None,
    Option(
        "--header/--no-header",
        help="Whether the first line of a .csv names its columns.",
        show_default="as in training, or as it looks",
    ),
]
Delimiter: TypeAlias = Annotated[
    str | None,
    Option(
        help="What separates the columns of a .csv; 'tab' for a tab.",
        show_default="as in training, or as it looks: ; , or tab",
        callback=lambda text: "\t" if text in ("tab", r"\t") else text,
    ),
]
MaxMemory: TypeAlias = Annotated[
    int | None,
    Option(
        help="Memory that the data may take, read and scaled: bytes, 500MB, 4GB.",
        metavar="SIZE",
        parser=size,
        show_default="half of what is free",
    ),
]
BackendName: TypeAlias = Annotated[
    str | None,
    Option(
        "--backend",
        help="numpy, cupy, torch, jax, array_api_strict or auto.",
        show_default="XPNET_BACKEND, or numpy",
    ),
]
Device: TypeAlias = Annotated[
    str | None,
    Option(help="cpu, cuda:0, ...", show_default="XPNET_DEVICE, or the backend's first"),
]
DType: TypeAlias = Annotated[
    str | None, Option(help="float32 or float64.", show_default="XPNET_DTYPE, or float32")
]


def one_of(option: str, name: str, table: Mapping[str, T]) -> T:
    """Return the entry of `table` called `name`.

    Raises
    ------
    ValueError
        Where there is none: says the choices.
    """
    if name not in table:
        raise ValueError(f"--{option} is {name!r}: expected one of {', '.join(table)}")
    return table[name]


def by_suffix(option: str, path: Path, table: Mapping[str, T]) -> T:
    """Return the entry of `table` for the suffix of `path`.

    Raises
    ------
    ValueError
        Where there is none: says the choices.
    """
    suffix = path.suffix.lower()
    if suffix not in table:
        raise ValueError(
            f"--{option} is {str(path)!r}: expected a name that ends in one of {', '.join(table)}"
        )
    return table[suffix]


def number(expected: str, holds: Callable[[float], bool]) -> Callable[[float | None], float | None]:
    """Return an option's check that its number is as `expected`; NaN is not in any range."""

    def check(value: float | None) -> float | None:
        if value is not None and not holds(value):
            raise BadParameter(f"{value:g} is not {expected}")
        return value

    return check


def check_writable(*read: str | Path, **files: Path | None) -> None:
    """Raise now, and not after an hour's training, if a file cannot be written.

    Parameters
    ----------
    *read : str or path
        What the command reads, and must not write over.
    **files : path or None
        By the name of the option.

    Raises
    ------
    ValueError
        Where a path is a folder, lies in none that can be written to, is read or is given twice.
    """
    taken = {Path(path).resolve(): "this command reads" for path in read}
    for option, path in files.items():
        if path is None:
            continue
        _check_path(option, path)
        if path.resolve() in taken:
            raise ValueError(
                f"--{option} is {path}, which {taken[path.resolve()]}: expected another name"
            )
        taken[path.resolve()] = f"--{option} writes"


def _check_path(option: str, path: Path) -> None:
    try:
        check_path(path)
        # A trial tells more than permissions do: of read-only disks, quotas, and the root user.
        with TemporaryFile(dir=path.parent):
            pass
    except ModelFileError as error:
        raise ValueError(f"--{option}: {error}") from error
    except OSError as error:
        raise ValueError(
            f"--{option}: cannot write {path}: {error.strerror} in {path.parent}; choose another "
            "folder"
        ) from error


def check_eager(place: Backend) -> None:
    """Raise BackendError where `place` only builds graphs."""
    if place.name == "dask":
        raise BackendError(
            "this command does not run on Dask: choose another --backend, such as numpy; the "
            "library's xpnet.value_and_grad takes Dask arrays"
        )


def described(place: Backend) -> str:
    """Return `place` in words."""
    return f"{place.name}, {place.device}, {place.dtype}"


def counted(count: int, thing: str) -> str:
    """Return ``1 epoch``, ``2 epochs``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
