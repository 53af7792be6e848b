"""``xpnet export``: a model as an ONNX file, which other programs run without xpnet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from typer import Argument

from xpnet import to_onnx, use_backend
from xpnet.cli import options
from xpnet.cli.files import by_suffix, check_writable, write
from xpnet.cli.models.files import Model
from xpnet.data import Quantities
from xpnet.exceptions import quoted
from xpnet.types import Dense, Params

_TOLERABLE = 1e-3
"""The largest rounding of a column's numbers, as a share of their spread, that is passed over."""


def export(
    path: options.ModelPath,
    out: Annotated[Path, Argument(metavar="OUT", help="FILE.onnx.", show_default=False)],
    dtype: options.DType = None,
) -> None:
    """Write a model as an ONNX file, which other programs run without xpnet.

    Its input X has a row per sample, with the features in the order of the
    training data and as they were there: scaling is within the model. Its
    outputs are label and probabilities, or the number. X is of --dtype; columns of large
    numbers, such as times, need float64.
    """
    by_suffix("OUT", out, {".onnx": None})
    check_writable(path, OUT=out)
    with use_backend("numpy", dtype=dtype) as chosen:
        model = Model.load(path)
    scaling, targets, encoding = model.preprocessing
    if encoding is not None:
        raise ValueError(
            f"{path} fills gaps or encodes words, which is not exported: expected a model of "
            "numbers alone; train it without --impute and --one-hot"
        )
    if isinstance(targets, Quantities):
        params, labels, outputs = _in_units(model, targets), None, "variable"
    else:
        params, labels, outputs = model.params, targets.labels, "label, probabilities"
    converted = to_onnx(model.net, params, scaling=scaling, classes=labels)
    write("OUT", out, converted.SerializeToString())
    typer.echo(f"X (N, {model.net.sizes[0]}) of {chosen.dtype} -> {outputs}")
    _warn_of_rounding(model, chosen.dtype)
    typer.echo(f"model {out}")


def _in_units(model: Model, quantities: Quantities) -> Params:
    """Return the parameters of a network that predicts in the units of the training's targets."""
    *hidden, (W, b) = model.params
    if model.net.output == "exp":  # Its targets are divided, but not shifted.
        return *hidden, Dense(W, b + math.log(quantities.scale))
    return *hidden, Dense(W * quantities.scale, b * quantities.scale + quantities.shift)


def _warn_of_rounding(model: Model, dtype: str) -> None:
    """Print which columns hold numbers that `dtype` rounds by much of their spread."""
    scaling = model.preprocessing.scaling
    rounding = np.abs(scaling.shift) * np.finfo(dtype).eps / np.abs(scaling.scale)
    (rounded,) = np.nonzero(rounding > _TOLERABLE)
    if rounded.size:
        names = model.columns.features if model.columns else range(len(rounding))
        column = quoted(str(names[rounded[0]]))
        typer.echo(f"column {column} holds numbers that {dtype} rounds: --dtype float64")
