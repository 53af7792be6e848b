"""Arguments and options that several commands share, and checks in the command line's words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

from typer import Argument, Option

from xpnet.backend import Backend, BackendError

__all__ = [
    "BackendName",
    "DType",
    "DataSource",
    "Device",
    "Label",
    "ModelPath",
    "check_eager",
    "check_writable",
    "described",
    "one_of",
]

T = TypeVar("T")

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
    Option(help="Label column of a .csv: name, or number from 0.", show_default="the last"),
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


def check_writable(**files: Path | None) -> None:
    """Raise now, and not after an hour's training, if a file cannot be written.

    Parameters
    ----------
    **files : path or None
        By the name of the option.

    Raises
    ------
    ValueError
        Where a path is a folder, lies in none that can be written to, or is given twice.
    """
    given = {path.resolve(): option for option, path in files.items() if path is not None}
    for option, path in files.items():
        if path is None:
            continue
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise ValueError(
                f"--{option} {path} cannot be written: expected a file's name, in a folder that "
                "exists and may be written to"
            )
        if given[path.resolve()] != option:
            raise ValueError(
                f"--{option} and --{given[path.resolve()]} are both {path}: expected two names"
            )


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
