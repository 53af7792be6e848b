"""Learning curves: cost and validation score over the epochs of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from xpnet.plot.figures import COLOURS, titled

_TITLES = {"r2": "R²", "d2": "D²"}
"""What scores are called in a plot, where it is not their name in words."""

_MOST_MARKED = 100
"""Epochs whose points are told apart in a plot."""


def learning_curve(history: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Cost and validation score over the epochs of a training.

    Parameters
    ----------
    history : sequence of dict
        As `Result.history`: a row an epoch. A stack has a curve for each of its networks.
    title : str, default ""
        Above the plot; the middle of a long one is left out.

    Returns
    -------
    matplotlib.figure.Figure
        A notebook shows it as it is, without pyplot; ``figure.savefig("curve.png")`` writes it.

    Raises
    ------
    ValueError
        If no epoch was completed.
    """
    if not history:
        raise ValueError(
            "history is empty: expected a row an epoch, as fit gives once an epoch is completed"
        )
    figure = titled(title)
    parts = curves(history)
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, (title, draw) in zip(panels, parts.items(), strict=True):
        draw(axes)
        axes.set(title=title)
    return figure


def curves(history: Sequence[Mapping[str, Any]]) -> dict[str, Callable[[Axes], None]]:
    """The curves of a `history` of one epoch or more: what draws each on axes, by its title."""
    parts: dict[str, Callable[[Axes], None]] = {"cost": partial(_costs, history=history)}
    validated = (name.removeprefix("val_") for name in history[0] if name.startswith("val_"))
    score = next((name for name in validated if name != "cost"), None)
    if score is not None:
        title = _TITLES.get(score, score.replace("_", " "))
        parts[f"validation {title}"] = partial(_scores, history=history, score=score)
    return parts


def _costs(axes: Axes, history: Sequence[Mapping[str, Any]]) -> None:
    _curve(axes, history, "cost", "training", COLOURS[0])
    if "val_cost" in history[0]:
        _curve(axes, history, "val_cost", "validation", COLOURS[1])
    _scale_of_costs(axes)


def _scores(axes: Axes, history: Sequence[Mapping[str, Any]], score: str) -> None:
    _curve(axes, history, f"val_{score}", "validation", COLOURS[1])
    if score == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1.0))


def _curve(
    axes: Axes, history: Sequence[Mapping[str, Any]], column: str, name: str, colour: str
) -> None:
    """Draw one column of the history; one line for each network of a stack."""
    epochs, values = [row["epoch"] for row in history], [row[column] for row in history]
    is_stack = isinstance(values[0], list)
    lines = axes.plot(
        epochs,
        values,
        marker="" if is_stack or len(epochs) > _MOST_MARKED else "o",
        markersize=3 if len(epochs) > 1 else 6,
        linewidth=0.8 if is_stack else 1.5,
        color=colour,
    )
    lines[0].set_label(f"{name}, {len(lines)} networks" if is_stack else name)
    axes.set(xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(loc="best")  # named, or matplotlib warns where this takes a second
    axes.grid(visible=True, alpha=0.3)


def _scale_of_costs(axes: Axes) -> None:
    """Logarithmic where every cost is above 0; Poisson's cost may be below."""
    if not axes.dataLim.ymin > 0.0:
        return
    axes.set(yscale="log")
    low, high = axes.get_ylim()
    # Powers of ten alone would leave a cost that falls by less without a number.
    steps = range(1, 10) if high < 4.0 * low else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=list(steps)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
