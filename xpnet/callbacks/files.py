"""Callbacks that write a file."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

from xpnet.callbacks.base import Callback
from xpnet.types import Run

__all__ = ["FileCallback"]


class FileCallback(Callback):
    """Writes a file; where it cannot, it warns once, and the training goes on.

    Parameters
    ----------
    path : str or path

    Attributes
    ----------
    path : Path
    failed : bool
        Whether the file could not be written after some epoch of the latest training.

    Raises
    ------
    TypeError
        If `path` is none.
    """

    def __init__(self, path: Any) -> None:
        if not isinstance(path, str | PathLike):
            raise TypeError(f"path is {path!r}: expected a file's name, a str or a Path")
        self.path, self.failed = Path(path), False

    def on_start(self, run: Run) -> None:
        """Forget an earlier training."""
        self.failed = False

    def cannot_write(self, error: Exception) -> None:
        """Say why, the first time."""
        if not self.failed:
            reason = getattr(error, "strerror", None) or error
            warnings.warn(
                f"cannot write {self.path} ({reason}): the training goes on, and tries again after "
                "each epoch",
                RuntimeWarning,
                stacklevel=3,
            )
        self.failed = True
