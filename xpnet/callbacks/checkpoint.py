"""Model saved every few epochs of its training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from os import PathLike
from typing import Any

from xpnet._arguments import whole
from xpnet.callbacks.base import FileCallback
from xpnet.callbacks.stopping import Monitor
from xpnet.persist import ModelFileError, NotFiniteError, save
from xpnet.persist.atomic import check_path
from xpnet.types import Epoch, Run


class Checkpoint(FileCallback):
    """Saves a whole model file every few epochs and after the last; a crash never damages it.

    It is for those who use the model, not to go on with its training: `xpnet.Checkpoints` is.
    Where the file cannot be written (a full disk), there is one warning, the training goes on, and
    the next epoch is saved. Parameters that are not finite are not saved: the former file stays.

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
    ValueError, TypeError
        If an argument is out of range, or of another kind; while training, as `xpnet.save` and
        `EarlyStopping`.
    ModelFileError
        At the start of the training, where `path` cannot be a file.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        every: int = 1,
        best: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        every = whole("every", every, 1, " epochs")
        if metadata is not None and not isinstance(metadata, Mapping):
            raise TypeError(f"metadata is a {type(metadata).__name__}: expected a dict")
        super().__init__(path)
        self.every, self.best, self.metadata = every, best, dict(metadata or {})
        self._begin(0)

    def __repr__(self) -> str:
        """What decides when it saves."""
        return f"Checkpoint(every={self.every}, best={self.best!r})"

    def on_start(self, run: Run) -> None:
        """Forget an earlier training; refuse a wrong path before the first step."""
        check_path(self.path)
        folder = self.path.resolve().parent
        if not os.access(folder, os.W_OK):
            raise ModelFileError(f"cannot write {self.path}: no permission to write in {folder}")
        super().on_start(run)
        self._begin(run.epochs)

    def _begin(self, last: int) -> None:
        self._monitor = None if self.best is None else Monitor(self.best)
        self._last, self._missed = last, False

    def state(self) -> dict[str, Any]:
        """The best epoch that was saved, and whether one could not be."""
        best = None if self._monitor is None else (self._monitor.best, self._monitor.epoch)
        return {"best": best, "missed": self._missed}

    def restore(self, state: dict[str, Any]) -> None:
        """Take them back."""
        if self._monitor is not None:
            self._monitor.best, self._monitor.epoch = state["best"]
        self._missed = state["missed"]

    def on_epoch(self, epoch: Epoch) -> None:
        """Save, if it is time."""
        if not (self._missed or epoch.number % self.every == 0 or epoch.number == self._last):
            return
        before = copy(self._monitor)
        if self._monitor is not None and not self._monitor.improved(epoch):
            return
        metadata = self.metadata | {"epoch": epoch.number, "row": epoch.row}
        try:
            save(self.path, epoch.net, epoch.params, **metadata)
        except NotFiniteError:
            return  # The training is about to end in a DivergenceError: the former file is better.
        except (OSError, ModelFileError) as error:
            self._missed, self._monitor = True, before
            self.cannot_write(error)
        else:
            self._missed = False
