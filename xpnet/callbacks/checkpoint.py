"""The parameters on the disk, while they are still being learned."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from xpnet.callbacks.base import Callback
from xpnet.callbacks.monitor import Monitor
from xpnet.persist import ModelFileError, save
from xpnet.types import Epoch, Run

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Saves a whole model file every few epochs and after the last; a crash never damages it.

    Parameters
    ----------
    path : str or path
        Written anew each time. Read it with `xpnet.load`.
    every : int, default 1
        Epochs from one file to the next.
    best : str, optional
        A column of the history, as in `EarlyStopping`: only epochs better than all saved before
        are saved.
    metadata : mapping, optional
        What else the file shall hold, as in `xpnet.save`. ``epoch`` and ``row``, the epoch's
        number and its row of the history, are added.

    Raises
    ------
    ValueError
        If an argument is out of range; while training, as `xpnet.save` and `EarlyStopping`.
    ModelFileError
        At the start of the training, where there is no folder for the file.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        every: int = 1,
        best: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if not hasattr(every, "__index__") or every < 1:
            raise ValueError(f"every is {every}: expected a whole number of epochs, 1 or more")
        self.path, self.every, self.best = path, every, best
        self.metadata = dict(metadata or {})
        self._monitor = None if best is None else Monitor(best)
        self._last = 0

    def on_start(self, run: Run) -> None:
        """Forget an earlier training; refuse a wrong folder before the first step."""
        folder = Path(self.path).parent
        if not folder.is_dir():
            raise ModelFileError(
                f"cannot write {self.path}: there is no folder {folder}, create it"
            )
        self._monitor = None if self.best is None else Monitor(self.best)
        self._last = run.epochs

    def on_epoch(self, epoch: Epoch) -> None:
        """Save, if it is time."""
        due = epoch.number % self.every == 0 or epoch.number == self._last
        if due and (self._monitor is None or self._monitor.improved(epoch)):
            metadata = self.metadata | {"epoch": epoch.number, "row": epoch.row}
            save(self.path, epoch.net, epoch.params, **metadata)
