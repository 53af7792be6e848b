"""Log of a training: a file of JSON lines, one an epoch."""

from __future__ import annotations

import errno
import json
import math
import os
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from xpnet.callbacks.base import FileCallback
from xpnet.types import Epoch, Run


class JSONLog(FileCallback):
    """Appends each epoch's row of the history to a file of JSON lines, on the disk at once.

    What the file held stays, and a line that a crash left unfinished is closed first. Epochs that a
    resumed training makes again, after its checkpoint, are not logged again. JSON knows no NaN and
    no infinity: they are written as null. Where a line cannot be written (a full disk), there is
    one warning, the training goes on, and the line is written with a later one.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    TypeError
        If `path` is neither text nor a path.
    OSError
        At the start of the training, where the file cannot be written.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__(path)
        self._unwritten = b""
        self._logged: list[Any] = []

    def on_start(self, run: Run) -> None:
        """Open the file once, so that a wrong path is known before the first step."""
        with self.path.open("a+b") as file:
            if _ends_within_a_line(file):
                file.write(b"\n")
            self._logged = _rows_after(file, run.steps_done // run.steps_per_epoch)
        super().on_start(run)
        self._unwritten = b""

    def on_epoch(self, epoch: Epoch) -> None:
        """Append the row."""
        line = json.dumps(_finite(epoch.row), allow_nan=False)
        if _but_for_time(json.loads(line)) in self._logged:
            return
        self._unwritten += line.encode() + b"\n"
        try:
            _append(self.path, self._unwritten)
        except OSError as error:
            self.cannot_write(error)
        else:
            self._unwritten = b""


def _append(path: Path, lines: bytes) -> None:
    """Add whole lines to the file, on the disk at once, or nothing."""
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def _rows_after(file: Any, epochs: int) -> list[Any]:
    """The rows at the end that a killed process has logged after so many epochs; none after 0."""
    if not epochs:
        return []
    file.seek(0)
    rows: list[Any] = []
    for line in file:
        with suppress(KeyError, TypeError, ValueError):  # Lines that are not ours, or half of one.
            row = json.loads(line)
            if row["epoch"] <= epochs:
                rows.clear()
            else:
                rows.append(_but_for_time(row))
    return rows


def _but_for_time(row: dict[str, Any]) -> dict[str, Any]:
    return {name: entry for name, entry in row.items() if name != "seconds"}


def _ends_within_a_line(file: Any) -> bool:
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read() != b"\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
