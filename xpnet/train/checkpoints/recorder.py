"""Checkpoints of a run: where and how often they are written, and how a run goes on from one."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

from xpnet import backend
from xpnet._arguments import whole
from xpnet._interrupts import deferred_signals
from xpnet.exceptions import ModelFileError
from xpnet.persist.atomic import remove_left
from xpnet.persist.checkpoint import load_checkpoint, save_checkpoint
from xpnet.train.checkpoints.fingerprint import differences, has_state
from xpnet.train.epochs import EpochLoop
from xpnet.train.training import Recorder
from xpnet.types import OptimizerState


@dataclass(frozen=True)
class Checkpoints:
    """Where a training keeps how far it is, and how often; of it, ``fit(resume=True)`` goes on.

    A file holds all that the rest of the training depends on: parameters, what the optimiser
    remembers, the place within the epoch, the history, what callbacks remember, and fingerprints of
    settings and data. It is written aside, put on the disk and then renamed, so that it is whole or
    not there, whenever the process is killed. It is a model file too, which `xpnet.load` reads; to
    keep only the best model of a training is for `xpnet.callbacks.Checkpoint`.

    Parameters
    ----------
    folder : str or path
        Of this run alone. It is made if it is not there.
    keep : int, default 3
        How many of the newest files stay.
    every : "epoch" or float, default "epoch"
        Seconds from one file to the next, also within an epoch. With "epoch", one after each, which
        is too often where epochs take a few milliseconds.
    metadata : mapping, optional
        What else a file shall hold, as in `xpnet.save`.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or of another kind.

    Notes
    -----
    X, Y, weights, validation samples and the parameters to start from are known again by dtype,
    shape and the SHA-256 of all their bytes; an optimiser by its hyperparameters at steps 1, 10,
    100, …; callbacks that remember something by how they are written; a `value_and_grad` or
    kernels of your own by name. What these keep to themselves, such as a generator, is not in the
    file.
    """

    folder: str | PathLike[str]
    keep: int = 3
    every: str | float = "epoch"
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str | PathLike):
            raise TypeError(f"folder is {self.folder!r}: expected a folder's name, a str or a Path")
        whole("keep", self.keep, 1, " checkpoints")
        is_number = isinstance(self.every, Real) and not isinstance(self.every, bool)
        if self.every != "epoch" and not (is_number and float(self.every) > 0):
            raise ValueError(f'every is {self.every!r}: expected "epoch", or seconds above 0')
        if not isinstance(self.metadata, Mapping | None):
            raise TypeError(f"metadata is a {type(self.metadata).__name__}: expected a dict")

    @property
    def files(self) -> list[Path]:
        """The files in the folder, the newest first."""
        return sorted(Path(self.folder).glob("step-*.safetensors"), reverse=True)

    def file_of(self, step: int) -> Path:
        """The name of the file that is written after a step."""
        return Path(self.folder) / f"step-{step:010d}.safetensors"


class FileRecorder(Recorder):
    """Writes the state of a loop to files, and brings a loop to the state in one.

    Parameters
    ----------
    checkpoints : Checkpoints
    about : dict
        The fingerprint of the run.
    resume : bool
        Whether the loop goes on from the newest file, if there is one.

    Raises
    ------
    ValueError
        If the folder holds another run; or one at all, unless `resume`.
    ModelFileError
        If no file in it can be read, or the folder cannot be written to.
    """

    def __init__(self, checkpoints: Checkpoints, about: dict[str, Any], resume: bool) -> None:
        self.checkpoints, self.about, self.resume = checkpoints, about, resume
        self.is_whole, self.written = False, 0.0
        self.state: dict[str, Any] | None = None
        _prepare(Path(checkpoints.folder))

    def bring(self, loop: EpochLoop) -> None:
        """Bring `loop` to the state in the newest file that is whole."""
        files = self.checkpoints.files
        if files and not self.resume:
            raise ValueError(
                f"{self.checkpoints.folder} holds {files[0].name} of another run: go on with it by "
                "resume=True, or choose a new folder"
            )
        self.state = self._newest(files, loop) if files else None
        if self.state is not None:
            apart = differences(self.about, self.state["about"])
            if apart:
                raise ValueError(
                    f"{self.checkpoints.folder} holds a run that is another: {'; '.join(apart)}. "
                    "Give what it was begun with, or choose a new folder"
                )
            _restore(loop, self.state)

    def begin(self, loop: EpochLoop) -> None:
        """Give callbacks back what they remembered; from now on, seconds count."""
        if self.state is not None:
            stateful = [callback for callback in loop.callbacks if has_state(callback)]
            for callback, state in zip(stateful, self.state["callbacks"], strict=True):
                callback.restore(state)
        self.state, self.is_whole, self.written = None, True, time.perf_counter()

    @contextmanager
    def undivided(self, deferred: bool = False) -> Iterator[None]:
        """What ends within, and not at its end, leaves a state that is not written."""
        with deferred_signals():
            self.is_whole = False
            yield
            self.is_whole = True

    def after_steps(self, loop: EpochLoop) -> None:
        """Write, if it is time."""
        every = self.checkpoints.every
        if not isinstance(every, str) and time.perf_counter() - self.written >= every:
            self._write(loop)

    def after_epoch(self, loop: EpochLoop) -> None:
        """Write after each epoch, and after the last one in any case."""
        if self.checkpoints.every == "epoch" or loop.is_over:
            self._write(loop)
        else:
            self.after_steps(loop)

    def interrupted(self, loop: EpochLoop) -> None:
        """Write, unless something was interrupted half-way; where it cannot, warn."""
        if not self.is_whole or loop.is_over or not loop.steps:
            return
        try:
            self._write(loop)
        except OSError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=4)

    def _newest(self, files: list[Path], loop: EpochLoop) -> dict[str, Any]:
        """The state in the first of `files` that is whole; a warning names each that is not."""
        place = partial(backend.to_device, target=loop.params[0][0])
        errors = []
        for path in files:
            try:
                state = load_checkpoint(path, place)
            except ModelFileError as error:
                errors.append(str(error))
                continue
            for text in errors:
                warnings.warn(f"{text}; resumed from {path.name}", RuntimeWarning, stacklevel=4)
            return state
        raise ModelFileError(
            f"{self.checkpoints.folder} holds no checkpoint that is whole: {'; '.join(errors)}; "
            "remove it to begin anew"
        )

    def _write(self, loop: EpochLoop) -> None:
        checkpoints = self.checkpoints
        path = checkpoints.file_of(loop.steps)
        state = {"about": self.about, **_state_of(loop)}
        try:
            params, metadata = loop.whole(loop.params), checkpoints.metadata or {}
            save_checkpoint(path, loop.run.net, params, state, metadata)
        except OSError as error:
            raise self._failed(path, error) from error
        # Files of a later step were damaged, and the run has gone on from an earlier one.
        kept = [file for file in checkpoints.files if file.name <= path.name][: checkpoints.keep]
        for file in checkpoints.files:
            if file not in kept:
                file.unlink(missing_ok=True)
        self.written = time.perf_counter()

    def _failed(self, path: Path, error: OSError) -> OSError:
        left = [file.name for file in self.checkpoints.files if file != path]
        end = f"ends, and can be resumed from {left[0]}" if left else "ends without a checkpoint"
        return OSError(error.errno, f"{error.strerror}: the training {end}; not written", str(path))


def check_checkpoint(checkpoint: Any, resume: Any) -> None:
    """Raise unless these are arguments of `fit`."""
    if not isinstance(checkpoint, Checkpoints | None):
        raise TypeError(
            f"checkpoint is a {type(checkpoint).__name__}: expected an xpnet.Checkpoints, such as "
            'Checkpoints("runs/mnist")'
        )
    if resume and checkpoint is None:
        raise ValueError("resume is True, but there is no checkpoint to go on from: give both")


def _prepare(folder: Path) -> None:
    """Make the folder, and remove what a killed process left half-written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelFileError(f"cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise ModelFileError(f"cannot write checkpoints: no permission to write in {folder}")
    remove_left(folder)


def _state_of(loop: EpochLoop) -> dict[str, Any]:
    """All that the rest of a training depends on, but its settings and data."""
    trainer, costs, weights = loop.trainer, None, None
    if loop.costs.are_unread:
        costs, weights = loop.costs.read()
    return {
        "params": trainer.params,
        "t": trainer.state.t,
        "moments": tuple(trainer.state.moments),
        "steps": loop.steps,
        "stopped": loop.stopped if loop.is_over else None,
        "history": loop.history,
        "completed": loop.completed,
        "costs": costs,
        "weights": weights,
        "seconds": time.perf_counter() - loop.began if loop.costs.are_unread else 0.0,
        "loop": loop.state(),
        "callbacks": [one.state() for one in loop.callbacks if has_state(one)],
    }


def _restore(loop: EpochLoop, state: dict[str, Any]) -> None:
    """Bring a loop that has not begun to a state, but for its callbacks."""
    trainer = loop.trainer
    loop.params = trainer.params = state["params"]
    trainer.state = OptimizerState(state["t"], state["moments"])
    loop.steps = trainer.index = state["steps"]
    loop.is_over, loop.stopped = bool(state["stopped"]), state["stopped"] or loop.stopped
    loop.history, loop.completed = state["history"], state["completed"]
    loop.spent = state["seconds"]
    if state["costs"] is not None:
        loop.costs.earlier = backend.to_numpy(state["costs"]), backend.to_numpy(state["weights"])
    loop.run = loop.run._replace(steps_done=loop.steps)
    loop.restore(state["loop"])
