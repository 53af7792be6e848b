"""``xpnet export``: a model as an ONNX file, which other programs run without xpnet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
from xpnet.exceptions import listed, quoted
from xpnet.export.inputs import free_names
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

    Gaps are NaN there, and filled as in training if --impute was given. Columns
    of words are inputs of their own, each a text per sample. Texts are compared
    exactly there: without blanks around them, and '' for every kind of gap.
    """
    by_suffix("OUT", out, {".onnx": None})
    check_writable(path, OUT=out)
    with use_backend("numpy", dtype=dtype) as chosen:
        model = Model.load(path)
    scaling, targets, encoding = model.preprocessing
    words = _words(model)
    fill = encoding.fill.tolist() if encoding and encoding.strategy else None
    if isinstance(targets, Quantities):
        params, labels, outputs = _in_units(model, targets), None, "variable"
    else:
        params, labels, outputs = model.params, targets.labels, "label, probabilities"
    converted = to_onnx(model.net, params, scaling=scaling, classes=labels, fill=fill, words=words)
    write("OUT", out, converted.SerializeToString())
    typer.echo(f"{_inputs(model, words, chosen.dtype)} -> {outputs}")
    if words:
        typer.echo("texts are compared exactly: without blanks around them, '' for a gap")
    _warn_of_rounding(model, chosen.dtype)
    typer.echo(f"model {out}")


def _words(model: Model) -> dict[str, list[str]]:
    """Return the words that training has seen, by the name of an input for each such column."""
    columns, encoding = model.columns, model.preprocessing.encoding
    if columns is None or encoding is None or not columns.words:
        return {}
    each = zip(columns.features, encoding.categories, columns.words, strict=True)
    wordy = [(name, [words[k] for k in seen]) for name, seen, words in each if seen and words]
    names = free_names(model.net, [name for name, _ in wordy])
    return dict(zip(names, (words for _, words in wordy), strict=True))


def _inputs(model: Model, words: Mapping[str, Sequence[str]], dtype: str) -> str:
    """Return the inputs in words, and what is in X where that is not all features."""
    n = model.net.sizes[0] - sum(map(len, words.values()))
    numbers = [f"X (N, {n}) of {dtype}"] if n else []
    if words and n:
        numbers = [f"{numbers[0]} ({listed(_names(model)[:n], 200)})"]
    return ", ".join([*numbers, *(f"{quoted(name)} (N, 1) of text" for name in words)])


def _names(model: Model) -> Sequence[str]:
    """Return the names of the network's inputs; numbers where the training data had none."""
    columns, encoding = model.columns, model.preprocessing.encoding
    if columns is None:
        return [str(number) for number in range(model.net.sizes[0])]
    return columns.features if encoding is None else encoding.names(columns)


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
        column = quoted(_names(model)[rounded[0]])
        typer.echo(f"column {column} holds numbers that {dtype} rounds: --dtype float64")
