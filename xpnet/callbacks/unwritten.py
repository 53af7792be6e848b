"""Files that a callback cannot write while the training goes on."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["checked_path", "warn_of"]


def checked_path(path: Any) -> Path:
    """`path` as a path; TypeError if it is none."""
    if not isinstance(path, str | PathLike):
        raise TypeError(f"path is {path!r}: expected a file's name, a str or a Path")
    return Path(path)


def warn_of(path: Path, error: Exception) -> None:
    """Warn that a file could not be written, why, and what happens now."""
    reason = getattr(error, "strerror", None) or error
    warnings.warn(
        f"cannot write {path} ({reason}): the training goes on, and tries again after each epoch",
        RuntimeWarning,
        stacklevel=3,
    )
