"""The files that a training writes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from xpnet.cli.options import by_suffix, check_writable
from xpnet.persist import ModelFileError

__all__ = ["CANNOT_WRITE", "Files", "reason", "unwritten"]

CANNOT_WRITE = (OSError, ModelFileError)
"""A full disk, a folder that is gone."""


class Files(NamedTuple):
    """Where the model and its learning curve go and, if they are asked for, the other two."""

    save: Path
    plot: Path
    checkpoint: Path | None
    log: Path | None

    @classmethod
    def of(
        cls,
        name: str,
        save: Path | None,
        plot: Path | None,
        checkpoint: Path | None,
        log: Path | None,
    ) -> Files:
        """Return the files as asked for; others are called after the data set's `name`."""
        save = save or Path(f"xpnet-{name}.safetensors")
        return cls(save, plot or save.parent / f"{save.stem}.png", checkpoint, log)

    def check(self, source: str) -> None:
        """Raise now, and not after an hour's training, if one cannot be written.

        Raises
        ------
        ValueError
            As `check_writable`, or where `plot` has a suffix that nothing draws.
        ModuleNotFoundError
            Where matplotlib is not installed.
        """
        from xpnet.cli.charts import FORMATS

        check_writable(source, **self._asdict())
        by_suffix("plot", self.plot, FORMATS)


def unwritten(option: str, path: Path, error: Exception) -> str:
    """Return in words that `error` kept the file of `option` from being written."""
    return f"--{option}: cannot write {path}: {reason(error)}"


def reason(error: Exception) -> str:
    """Return why a file cannot be written."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
