"""Figures of a report: SVG that takes its colours from the page around it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from xpnet.plot import COLOURS, curves
from xpnet.report.scores import BINS, Classification

_MOST_POINTS = 2000
"""Of a figure: an SVG has an element for each."""

_INK = "#0b0b0b"
"""What is replaced by the colour of the text around the figure."""

_INKED = ("text.", "axes.edge", "axes.label", "axes.title", "xtick.", "ytick.", "grid.")

_STYLE: Any = {
    **{f"{part}color": _INK for part in _INKED},
    "axes.facecolor": "none",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "legend.edgecolor": "none",
    "legend.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "xpnet",
}

_VARIABLES = {_INK: "currentColor"} | {
    colour: f"var(--colour-{number})" for number, colour in enumerate(COLOURS[:2])
}


class Drawing(NamedTuple):
    """A figure: its title, what it shows in words, and the ``<svg>`` element."""

    title: str
    words: str
    svg: str


def _drawing(title: str, words: str, draw: Callable[[Axes], None]) -> Drawing:
    """Return what `draw` draws on axes of 4.5 by 3.4 inches.

    Its colours are ``currentColor`` and the page's ``--colour-0`` and ``--colour-1``, so that
    it is read on a light page and on a dark one.
    """
    with rc_context(_STYLE):
        figure = Figure(figsize=(4.5, 3.4), layout="constrained")
        draw(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return Drawing(title, words, _inline(file.getvalue(), title, words))


def _inline(file: str, title: str, words: str) -> str:
    """Return the ``<svg>`` of an SVG file as it may stand in an HTML page, beside others."""
    start, end = file.index("<svg"), file.index("</svg>") + len("</svg>")
    head, body = file[start:end].split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    label = escape(f"{title}. {words}")
    name = re.sub(r"[^a-z0-9]+", "-", title.lower())
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", body.replace("xlink:href", "href"))
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    body = re.sub(r"\s*\n\s*", "\n", body)
    return f'<svg role="img" aria-label="{label}" {box[0] if box else ""}>{body}'


def learning_curves(history: Sequence[Mapping[str, Any]]) -> list[Drawing]:
    """Draw the cost over the epochs and, if known, the validation score; none without an epoch."""
    if not history:
        return []
    return [
        _drawing(title[0].upper() + title[1:], _in_words(history, title), draw)
        for title, draw in curves(history).items()
    ]


def _in_words(history: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return from where to where the columns of a learning curve went."""
    scores = [name for name in history[0] if name.startswith("val_") and name != "val_cost"]
    columns = {"training": "cost", "validation": "val_cost"}
    if title != "cost":
        columns = {"validation": scores[0]}
    words = [
        f"{name} from {history[0][column]:.4g} to {history[-1][column]:.4g}"
        for name, column in columns.items()
        if column in history[0]
    ]
    return f"In epochs {history[0]['epoch']} to {history[-1]['epoch']}: {', '.join(words)}."


def calibration(scores: Classification) -> Drawing:
    """Draw accuracy over confidence."""
    accuracy, confidence, samples = scores.calibration()

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle="--", label="calibrated")
        axes.plot(confidence, accuracy, color=COLOURS[0], linewidth=1, label="this network")
        areas = 10 + 150 * samples / samples.sum()
        axes.scatter(confidence, accuracy, areas, color=COLOURS[0])
        axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.05), ylim=(-0.05, 1.05))
        _percent(axes.xaxis, axes.yaxis)
        axes.legend(loc="best")  # named, or matplotlib warns where this takes a second
        axes.grid(visible=True, alpha=0.25)

    words = (
        f"Accuracy over confidence, in {BINS} bins; larger points have more samples. Below "
        "the diagonal, the network is too certain."
    )
    return _drawing("Calibration curve", words, draw)


def confidences(scores: Classification) -> Drawing:
    """Draw how many samples have which confidence, right and wrong ones."""

    def draw(axes: Axes) -> None:
        axes.hist(
            [scores.confidence[scores.correct], scores.confidence[~scores.correct]],
            bins=np.linspace(0, 1, BINS + 1).tolist(),
            stacked=True,
            color=COLOURS[:2],
            label=["right", "wrong"],
        )
        axes.set(xlabel="confidence", ylabel="samples", xlim=(0, 1.02))
        _percent(axes.xaxis)
        axes.legend(loc="best")  # named, or matplotlib warns where this takes a second

    words = "How many samples are in each bin, those that are right and those that are wrong."
    return _drawing("Confidence", words, draw)


def _percent(*axes: Axis) -> None:
    for axis in axes:
        axis.set_major_formatter(PercentFormatter(xmax=1.0))


def predicted(y: np.ndarray, predictions: np.ndarray) -> Drawing:
    """Draw predicted over true numbers."""

    def draw(axes: Axes) -> None:
        ends = [min(y.min(), predictions.min()), max(y.max(), predictions.max())]
        axes.plot(ends, ends, color=_INK, linewidth=0.8, linestyle="--", label="exact")
        _points(axes, y, predictions)
        axes.set(xlabel="true", ylabel="predicted")
        axes.legend(loc="best")  # named, or matplotlib warns where this takes a second

    words = f"A point is a sample{_thinned(y)}; exact predictions lie on the diagonal."
    return _drawing("Predicted over true values", words, draw)


def residuals(predictions: np.ndarray, errors: np.ndarray) -> Drawing:
    """Draw the residuals over what was predicted."""

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=_INK, linewidth=0.8, linestyle="--")
        _points(axes, predictions, errors)
        axes.set(xlabel="predicted", ylabel="true − predicted")

    words = f"A point is a sample{_thinned(errors)}; those above 0 were predicted too low."
    return _drawing("Residuals over predictions", words, draw)


def spread(errors: np.ndarray) -> Drawing:
    """Draw how many samples have which residual."""

    def draw(axes: Axes) -> None:
        axes.hist(errors, bins=30, color=COLOURS[0])
        axes.axvline(0, color=_INK, linewidth=0.8, linestyle="--")
        axes.set(xlabel="true − predicted", ylabel="samples")
        axes.locator_params(axis="x", nbins=6)  # Long numbers would run into each other.

    return _drawing("Residuals", "How many samples have which residual.", draw)


def _points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    step = _step(x)
    axes.plot(x[::step], y[::step], "o", markersize=3, alpha=0.6, color=COLOURS[0])
    axes.grid(visible=True, alpha=0.25)


def _step(x: np.ndarray) -> int:
    """Return of how many samples one is drawn."""
    return -(-len(x) // _MOST_POINTS)


def _thinned(x: np.ndarray) -> str:
    return f" ({_step(x)} samples give one)" if _step(x) > 1 else ""
