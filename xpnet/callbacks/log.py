"""The history on the disk, a line an epoch."""

from __future__ import annotations

import json
import math
import os
from os import PathLike
from pathlib import Path
from typing import Any

from xpnet.callbacks.base import Callback
from xpnet.types import Epoch, Run

__all__ = ["JSONLog"]


class JSONLog(Callback):
    """Appends each epoch's row of the history to a file of JSON lines, on the disk at once.

    What the file held stays, and a line that a crash left unfinished is closed first. JSON knows
    no NaN and no infinity: they are written as null.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    OSError
        At the start of the training, where the file cannot be written.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)

    def on_start(self, run: Run) -> None:
        """Open the file once, so that a wrong path is known before the first step."""
        with self.path.open("a+b") as file:
            if _ends_within_a_line(file):
                file.write(b"\n")

    def on_epoch(self, epoch: Epoch) -> None:
        """Append the row."""
        line = json.dumps(_finite(epoch.row), allow_nan=False) + "\n"
        with self.path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())


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
