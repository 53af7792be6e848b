"""Training under the command line's eyes: what was learned is saved, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xpnet import DivergenceError, callbacks, fit
from xpnet.cli.model import ModelFile
from xpnet.cli.parts import Parts
from xpnet.types import Result

__all__ = ["learn", "listeners"]


def learn(model: ModelFile, parts: Parts, seed: int, **options: Any) -> Result:
    """Train the network of `model` on `parts` and save it; `options` are those of `xpnet.fit`.

    Raises
    ------
    ArithmeticError
        If the cost is not finite; the last finite epoch's parameters are then saved.
    """
    params = model.net.init(seed)
    try:
        # An overflow shows in the cost, and fit says where.
        with np.errstate(all="ignore"):
            result = fit(
                model.net, params, *parts.train, validation=parts.validation, seed=seed, **options
            )
    except DivergenceError as error:
        # In the first epoch nothing was learned that a model saved earlier should make room for.
        saved = "Nothing was learned, and nothing saved"
        if error.epoch > 1:
            model.save(error.params)
            saved = f"The parameters from before that epoch are saved in {model.path}"
        raise ArithmeticError(
            f"the cost is not finite from step {error.step} on, in epoch {error.epoch}, at "
            f"learning rate {error.learning_rate:.4g}: lower --lr. {saved}"
        ) from error
    model.save(result.params)
    return result


def listeners(
    model: ModelFile, patience: int | None, checkpoint: Path | None, log: Path | None
) -> Iterator[callbacks.Callback]:
    """Yield the callbacks that the options ask for."""
    yield callbacks.Progress()
    if patience is not None:
        yield callbacks.EarlyStopping(patience=patience)
    if checkpoint is not None:
        yield callbacks.Checkpoint(checkpoint, metadata=model.metadata)
    if log is not None:
        yield callbacks.JSONLog(log)
