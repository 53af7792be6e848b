"""Reports of the command line: the HTML file of a model, on samples of a data set."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xpnet import __version__, predict, value_and_grad
from xpnet import backend as arrays
from xpnet.cli.files import write
from xpnet.cli.models.facts import as_text
from xpnet.cli.models.files import Model, ModelFile
from xpnet.cli.models.runs import RECORD, is_record
from xpnet.cli.options import plural
from xpnet.cli.training.splits import Split, evaluation_rows, evaluation_samples
from xpnet.data import Classes, Dataset
from xpnet.exceptions import ModelFileError, one_line
from xpnet.report import Evaluation, TrainingRecord, html
from xpnet.types import Result, map_params

SUFFIXES = {".html": "html", ".htm": "html"}
"""Of a report's file, and what it is then."""

_PIXEL = re.compile(r"(pixel|px)[ _-]?\d+([ _x-]\d+)?|\d+x\d+", re.IGNORECASE)
"""Names of columns that hold an image's pixels: pixel0, pixel_0_0, 1x1."""


def write_report(option: str, path: Path, model: Model, dataset: Dataset | None) -> None:
    """Write the report of `model`, on the samples of `dataset` if there is one."""
    training = _training(model.metadata)
    evaluation = None if dataset is None else _evaluation(model, dataset)
    params = map_params(arrays.to_numpy, model.params)
    text = html(model.net, params, training, evaluation, _image(model))
    write(option, path, text.encode())


def trained(model: ModelFile, split: Split, result: Result, dataset: Dataset) -> Model:
    """Return what was just trained as it is when its file is loaded."""
    return Model(
        model.net,
        result.params,
        split.preprocessing,
        split.fingerprint,
        split.shares,
        dataset.columns,
        model.metadata,
    )


def _training(metadata: Mapping[str, Any]) -> TrainingRecord:
    """Return what a model file keeps of its training, as a report shows it.

    Raises ModelFileError if that makes no sense. Former versions kept nothing.
    """
    record, settings = metadata.get("training"), metadata.get("settings")
    if not record or not isinstance(settings, dict):
        return TrainingRecord(version=__version__)
    if not is_record(record):
        raise ModelFileError(
            f"training is {one_line(repr(record))}: expected a record with the entries "
            f"{', '.join(RECORD)}; train and save the model again"
        )
    shown = {
        name.replace("_", " "): as_text(value)
        for name, value in settings.items()
        if value is not False
    }
    return TrainingRecord(
        as_text(metadata.get("data", "")),
        record["command"],
        {"samples": record["samples"], **shown, "on": record["where"]},
        _figures(record, metadata),
        record["history"],
        __version__,
    )


def _figures(record: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return when a training was, how long it took and how much memory."""
    history = record["history"]
    figures = {"date": as_text(metadata.get("date", "–"))}
    if history:
        done = f"{plural(len(history), 'epoch')}, {record['steps']:,} steps"
        figures["ended"] = f"{done}: {record['stopped']}"
        figures["time"] = f"{math.fsum(row['seconds'] for row in history):.3g} s"
    if record["peak_memory"]:
        figures["memory"] = f"{record['peak_memory'] / 1e6:,.0f} MB, the most of the process"
    version = as_text(metadata.get("xpnet", "–"))
    return figures | {"versions": f"xpnet {version}, {record['versions']}"}


def _evaluation(model: Model, dataset: Dataset) -> Evaluation:
    """Return how `model` does on the samples that it is evaluated on."""
    X, y, name = evaluation_samples(dataset, model.trained_on, model.shares)
    inputs, targets = model.preprocessing.inputs_and_targets(X, y)
    A = arrays.to_numpy(predict(model.net, model.params, inputs))
    _, grads = value_and_grad(model.net, model.params, inputs, targets)
    columns = model.columns
    evaluation = Evaluation(
        name,
        X,
        y,
        A.T,
        features=columns.features if columns else (),
        words=columns.words if columns else (),
        rows=evaluation_rows(dataset, model.trained_on, model.shares),
        grads=map_params(arrays.to_numpy, grads),
    )
    kinds = model.preprocessing.targets
    if isinstance(kinds, Classes):
        numbers = arrays.to_numpy(targets).argmax(axis=0)
        return replace(evaluation, y=numbers, classes=tuple(map(str, kinds.labels)))
    return replace(evaluation, predictions=kinds.decode(A))


def _image(model: Model) -> tuple[int, int] | None:
    """Return the height and width of the samples, if they are square images.

    Outside tables, only pixels are divided by one number and not shifted; the columns of tables
    say what they are.
    """
    scaling, columns = model.preprocessing.scaling, model.columns
    pixels = not scaling.shift.any() and np.ptp(scaling.scale) == 0
    if columns is not None:
        pixels = columns.words == () and all(map(_PIXEL.fullmatch, columns.features))
    side = math.isqrt(len(scaling.shift))
    return (side, side) if pixels and side > 1 and side**2 == len(scaling.shift) else None
