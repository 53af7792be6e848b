"""Checkpoints of a fit: how an estimator goes on from the newest, as `xpnet.fit` does.

The generator of `random_state` is not kept: what it draws before the first epoch it draws again,
and the order of the epochs that are over, too.
"""

from __future__ import annotations

from typing import Any

from scipy.sparse import issparse

from xpnet.estimators._samples.batches import Samples
from xpnet.train.checkpoints.fingerprint import about_data, about_optimizer
from xpnet.train.checkpoints.recorder import FileRecorder
from xpnet.train.epochs import EpochLoop
from xpnet.types import Array

_APART = ("callbacks", "checkpoint", "random_state", "verbose", "warm_start")
"""Parameters that are no settings of one fit, or show in other things."""


def recorder_of(
    model: Any, loop: EpochLoop, samples: Samples, validation: Samples | None
) -> FileRecorder:
    """A recorder to the folder of `model`, which resumes what is there.

    `loop` is brought to the newest checkpoint. Raises ValueError if it is of a fit with other
    parameters or data.
    """
    arrays = _arrays("", samples)
    if validation is not None:
        arrays |= _arrays("validation ", validation)
    parameters = model.get_params(deep=False).items()
    about: dict[str, Any] = {
        name: _plain(value) for name, value in parameters if name not in _APART
    }
    about["optimizer"] = about_optimizer(loop.settings.optimizer, 1)
    recorder = FileRecorder(model.checkpoint, about | about_data(loop, arrays), resume=True)
    recorder.bring(loop)
    return recorder


def _arrays(which: str, samples: Samples) -> dict[str, Array | None]:
    X, Y, weights, _ = samples
    found = {f"{which}targets": Y, f"{which}sample_weight": weights}
    if not issparse(X):
        return {f"{which}X": X} | found
    rows = X.tocsr()
    names = ("data", "indices", "indptr")
    return {f"{which}X.{name}": getattr(rows, name) for name in names} | found


def _plain(value: Any) -> str:
    """A parameter in words: a number or text as it is written, a function by its name."""
    return str(getattr(value, "__qualname__", type(value).__name__) if callable(value) else value)
