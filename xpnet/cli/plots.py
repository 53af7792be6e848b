"""Plots: the learning curve of a training, the times of a benchmark."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from xpnet.cli.files import write

if TYPE_CHECKING:
    from xpnet.cli.commands.bench import Comparison

FORMATS = {".png": "png", ".pdf": "pdf", ".svg": "svg", ".jpg": "jpg", ".jpeg": "jpg"}
"""matplotlib's formats, by the file's suffix."""

_COLOURS = ("#1f5fa8", "#d1662b", "#3d8b4f", "#7a4fa3")


def learning_curve(history: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Draw cost and accuracy over the epochs of a classifier's `history`."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    figure.suptitle(title)
    validated = "val_cost" in history[0]
    cost, *scores = figure.subplots(1, 1 + validated, squeeze=False)[0]
    _curve(cost, history, "cost", "training", _COLOURS[0])
    cost.set(title="cost (cross-entropy)", yscale="log")
    # Powers of ten alone would leave a cost that falls by less without a number.
    cost.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    cost.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
    cost.yaxis.set_minor_formatter(NullFormatter())
    if validated:
        _curve(cost, history, "val_cost", "validation", _COLOURS[1])
        _curve(scores[0], history, "val_accuracy", "validation", _COLOURS[1])
        scores[0].set(title="validation accuracy")
        scores[0].yaxis.set_major_formatter(PercentFormatter(xmax=1.0))
    return figure


def _curve(
    axes: Axes, history: Sequence[Mapping[str, Any]], column: str, name: str, colour: str
) -> None:
    epochs, values = [row["epoch"] for row in history], [row[column] for row in history]
    axes.plot(epochs, values, marker="o", markersize=3, color=colour, label=name)
    axes.set(xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    axes.grid(visible=True, alpha=0.3)


def speed_ups(groups: Mapping[str, Sequence[Comparison]], title: str) -> Figure:
    """Draw the times of each group of comparisons over the units of a layer."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    figure.suptitle(f"A training step on {title}")
    for axes, (name, group) in zip(figure.subplots(1, len(groups)), groups.items(), strict=True):
        _times(axes, group)
        axes.set(title=name)
    return figure


def _times(axes: Axes, group: Sequence[Comparison]) -> None:
    units = [comparison.units for comparison in group]
    for name, colour in zip(group[0].seconds, _COLOURS, strict=False):
        milliseconds = [1e3 * comparison.seconds[name] for comparison in group]
        axes.plot(units, milliseconds, marker="o", color=colour, label=name)
    for comparison in group:
        fastest = comparison.seconds[name]
        axes.annotate(
            f"{comparison.speed_ups[name]:,.0f}×",
            (comparison.units, 1e3 * fastest),
            xytext=(0, -15),
            textcoords="offset points",
            ha="center",
        )
    axes.set(xlabel="units of each layer", ylabel="ms", xscale="log", yscale="log")
    axes.margins(x=0.12, y=0.12)
    axes.set_xticks(units, labels=map(str, units))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    axes.grid(visible=True, alpha=0.3)


def write_plot(path: Path, figure: Figure) -> None:
    """Write `figure` to the file of ``--plot``, in the format of its suffix."""
    file = io.BytesIO()
    figure.savefig(file, format=FORMATS[path.suffix.lower()], dpi=150)
    write("plot", path, file.getvalue())
