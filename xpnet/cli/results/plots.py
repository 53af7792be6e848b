"""Plots of the command line: their files, and the times of a benchmark."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from xpnet.cli.files import PLOTS, write
from xpnet.plot import COLOURS

if TYPE_CHECKING:
    from xpnet.cli.commands.bench import Comparison


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
    for name, colour in zip(group[0].seconds, COLOURS, strict=False):
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
    axes.legend(loc="best")  # named, or matplotlib warns where this takes a second
    axes.grid(visible=True, alpha=0.3)


def write_plot(path: Path, figure: Figure) -> None:
    """Write `figure` to the file of ``--plot``, in the format of its suffix."""
    file = io.BytesIO()
    figure.savefig(file, format=PLOTS[path.suffix.lower()], dpi=150)
    write("plot", path, file.getvalue())
