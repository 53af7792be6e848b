"""Facts of a model file: what was trained, on what, how and when, and its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpnet import backend
from xpnet.cli.models.files import Model
from xpnet.data import Classes, Columns
from xpnet.exceptions import listed

if TYPE_CHECKING:
    from rich.table import Table

_UNKNOWN = "unknown: saved by a former version"

_ROOM = 200
"""Characters of the names that are listed."""


def model_facts(model: Model, path: Path) -> Iterator[tuple[str, str]]:
    """Yield names and values, a line each."""
    net, metadata, preprocessing = model.net, model.metadata, model.preprocessing
    yield "model", str(path)
    yield "trained on", f"{metadata.get('data', _UNKNOWN)}"
    yield "date", f"{metadata.get('date', _UNKNOWN)}"
    yield "xpnet", f"{metadata.get('xpnet', _UNKNOWN)}"
    yield "task", _task(model)
    if model.columns is not None:
        features = model.columns.features
        yield "features", f"{len(features)}: {listed(features, _ROOM)}"
        yield "label", model.columns.names[model.columns.label]
    if preprocessing.fills_gaps and preprocessing.encoding:
        yield "gaps", f"filled by the {preprocessing.encoding.strategy}"
    if model.columns is not None and any(model.columns.words):
        yield "words", f"encoded in {listed(_wordy(model.columns), _ROOM)}"
    hidden = ", ".join(dict.fromkeys(net.activations)) or "no hidden layer"
    yield "network", f"{'-'.join(map(str, net.sizes))}, {hidden}, {net.output}"
    settings = metadata.get("settings")
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if value is not False and name != "task":
            yield name.replace("_", "-"), as_text(value)


def as_text(value: Any) -> str:
    """Return the value of a setting in words."""
    if value is True:
        return "yes"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _wordy(columns: Columns) -> list[str]:
    pairs = zip(columns.features, columns.words, strict=True)
    return [name for name, words in pairs if words]


def _task(model: Model) -> str:
    targets = model.preprocessing.targets
    if isinstance(targets, Classes):
        return f"classification: {len(targets.labels)} classes, {listed(targets.labels, _ROOM)}"
    return f"regression of numbers around {targets.shift:.6g}, give or take {targets.scale:.3g}"


def parameters_table(model: Model) -> Table:
    """Return the parameters of each layer."""
    from rich.table import Table

    table = Table("layer", "W", "b", title="Parameters", title_justify="left")
    table.add_column("parameters", justify="right")
    total = 0
    for number, layer in enumerate(model.params, 1):
        shapes = [backend.to_numpy(array).shape for array in layer]
        count = sum(rows * columns for rows, columns in shapes)
        total += count
        table.add_row(str(number), *map(str, shapes), f"{count:,}")
    table.add_row("all", "", "", f"{total:,}")
    return table
