"""Results of a search: its scores against one searched parameter, or two of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from xpnet.plot.figures import COLOURS, titled
from xpnet.plot.searched import Searched, key_of

_MOST_LINES = 6
"""Each for one value of the other parameters; of more, only the best candidates are drawn."""

_LONE = "a candidate"
"""Label of candidates that no line joins."""

_MOST_TICKS = 12

_ROOM = 90
"""Characters along an axis."""

_MOST_NUMBERS = 120
"""Cells of a heat map in which the scores can be read."""

_FAR = 10.0
"""A mean is left out of the scale if it is as many times further below the median than the best is
above it, or than the deviation over the folds where that is more."""

_BAND = 1.2
"""Standard deviations that are within the scale, with room for the caps of their bars."""

_FULL = 0.5
"""Share of the cells from which on a heat map is one."""


class _Candidates(NamedTuple):
    """Parameters of each candidate, and its mean score and standard deviation over the folds."""

    params: Sequence[dict[str, Any]]
    mean: Any
    std: Any
    score: str
    folds: int

    def varied(self, *but: str) -> list[str]:
        """Return the parameters that have different values, `but` some."""
        names = dict.fromkeys(name for params in self.params for name in params)
        values = {name: {key_of(one.get(name)) for one in self.params} for name in names}
        return [name for name in names if len(values[name]) > 1 and name not in but]

    def least(self, members: Iterable[int]) -> float:
        """Return the lowest mean that is drawn: one far below the others would flatten these."""
        found = [k for k in members if np.isfinite(self.mean[k])]
        means = self.mean[found]
        middle = np.median(means)
        cut = middle - _FAR * max(means.max() - middle, np.median(self.std[found]))
        return float(means[means >= cut].min()) if cut < middle else float(means.min())

    def label(self) -> str:
        """Return what the scores are."""
        folds = f"mean of {self.folds} folds" if self.folds > 1 else "one fold"
        return f"{self.score}, {folds}"


def search_results(search: Any, x: str, y: str | None = None, title: str = "") -> Figure:
    """Scores of a search's candidates against one searched parameter, or two.

    Against one: the mean over the folds, with a band of one standard deviation. Each combination of
    the other parameters has a line, if there are few of them; otherwise the best candidate for each
    value of `x` is drawn. Against two: a heat map of the best means, or points where a search drew
    its candidates at random. Candidates without a score, such as those that diverged, are crosses.

    Parameters
    ----------
    search : fitted search
        Of `xpnet.model_selection` or scikit-learn: whatever has ``cv_results_``. Of several scores,
        the one that ``refit`` names is drawn.
    x : str
        A searched parameter. Its axis is logarithmic where its values are geometric.
    y : str, optional
        Another one.
    title : str, default ""
        Above the plot.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If `search` has no results, as before its `fit`.
    ValueError
        If `x` or `y` was not searched, or all their candidates failed.
    """
    candidates = _candidates(search)
    if y == x:
        raise ValueError(f"y is {y!r}, as x is: expected another parameter, or None")
    names = {"x": x} if y is None else {"x": x, "y": y}
    searched = [Searched.of(which, name, candidates.params) for which, name in names.items()]
    members = set.intersection(*(set(one.found) for one in searched))
    if not np.isfinite(candidates.mean[sorted(members)]).any():
        raise ValueError(
            f"search has no candidate with {' and '.join(names.values())} and a score: expected "
            "one that did not fail; see its warnings, or fit it with error_score='raise'"
        )
    figure = titled(title)
    (_lines if y is None else _map)(figure.subplots(), candidates, *searched)
    return figure


def _candidates(search: Any) -> _Candidates:
    results = getattr(search, "cv_results_", None)
    if results is None:
        raise TypeError(
            f"search is a {type(search).__name__} without cv_results_: expected a search that is "
            "fitted; call search.fit(X, y) first"
        )
    refit, scoring = getattr(search, "refit", True), getattr(search, "scoring", None)
    name = refit if isinstance(refit, str) and f"mean_test_{refit}" in results else "score"
    if f"mean_test_{name}" not in results:
        several = [key[len("mean_test_") :] for key in results if key.startswith("mean_test_")]
        raise ValueError(
            f"search has the scores {', '.join(several)}: say which is drawn, by search.refit = "
            f"{several[0]!r}"
        )
    # The last of several scores of a candidate: successive halving gives it more samples each time.
    kept = sorted({key_of(params): k for k, params in enumerate(results["params"])}.values())
    mean, std = (np.asarray(results[f"{of}_test_{name}"], float)[kept] for of in ("mean", "std"))
    folds = sum(key.startswith("split") and key.endswith(f"_test_{name}") for key in results)
    shown = scoring if name == "score" and isinstance(scoring, str) else name
    params = [results["params"][k] for k in kept]
    return _Candidates(params, mean, std, shown.replace("_", " "), folds)


def _lines(axes: Axes, candidates: _Candidates, x: Searched) -> None:
    """Draw a line for each combination of the other parameters, or one of the best."""
    lines = _grouped(candidates, x)
    drawn = [k for members in lines.values() for k in members]
    # The band of a mean below the scale would cover the others.
    least = candidates.least(drawn)
    is_below = candidates.mean < least
    candidates = candidates._replace(std=np.where(is_below, np.nan, candidates.std))
    for k, (label, members) in enumerate(lines.items()):
        dodge = 0.12 * (k - (len(lines) - 1) / 2) if x.scale == "categories" else 0.0
        colour = _colour(k, len(lines))
        _line(axes, candidates, x, members, {"label": label, "color": colour}, dodge)
    _crosses(axes, candidates, x, drawn)
    _along(axes, "x", x)
    _limit(axes, candidates, drawn, least)
    axes.set(ylabel=f"{candidates.label()} ± std")
    axes.grid(visible=True, alpha=0.3)
    labels = axes.get_legend_handles_labels()[1]
    if any(labels):
        beside: Any = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if len(labels) > 2 else {}
        axes.legend(fontsize="small", **beside)


def _limit(axes: Axes, candidates: _Candidates, drawn: Sequence[int], least: float) -> None:
    """Let the means from the least on, and not the widest band, decide how far the axis goes."""
    top = np.nanmax(candidates.mean[drawn])
    room = 0.5 * (top - least) + _BAND * np.nanmedian(candidates.std[drawn])
    low, high = axes.get_ylim()
    if room > 0:
        axes.set(ylim=(max(low, least - room), min(high, top + room)))


def _grouped(candidates: _Candidates, x: Searched) -> dict[str, list[int]]:
    """The candidates of each line, by its label."""
    others = [Searched.of("", name, candidates.params) for name in candidates.varied(x.name)]
    groups: dict[str, list[int]] = {}
    for k in x.found:
        values = (f"{other.name}={other.text(k)}" for other in others if k in other.found)
        label = ", ".join(values) or ", ".join(f"{other.name} not given" for other in others)
        groups.setdefault(label, []).append(k)
    if len(groups) <= _MOST_LINES:
        return groups
    best: dict[float, int] = {}
    for k in sorted(x.found, key=lambda k: _rank(candidates.mean[k])):
        best[x.position(k)] = k
    names = ", ".join(other.name for other in others)
    label = f"best of {len(groups)} combinations of {names}"
    # Each value has but one: a search that drew its candidates at random.
    return {label if len(best) < len(x.found) else _LONE: list(best.values())}


def _rank(score: float) -> float:
    return -math.inf if math.isnan(score) else score


def _colour(k: int, count: int) -> Any:
    return COLOURS[k] if count <= len(COLOURS) else colormaps["viridis"](0.9 * k / (count - 1))


def _line(
    axes: Axes,
    candidates: _Candidates,
    x: Searched,
    members: Iterable[int],
    style: dict[str, Any],
    dodge: float,
) -> None:
    found = sorted((k for k in members if np.isfinite(candidates.mean[k])), key=x.position)
    at = np.asarray([x.position(k) for k in found]) + dodge
    mean, std = candidates.mean[found], candidates.std[found]
    if x.scale == "categories" or style["label"] == _LONE or len(found) == 1:
        axes.errorbar(at, mean, std, fmt="o", markersize=5, capsize=3, linewidth=1, **style)
        return
    axes.plot(at, mean, marker="o", markersize=4, **style)
    axes.fill_between(at, mean - std, mean + std, color=style["color"], alpha=0.12, linewidth=0)


def _crosses(axes: Axes, candidates: _Candidates, x: Searched, members: Iterable[int]) -> None:
    """Mark at the lower edge where candidates have no score."""
    failed = {x.position(k) for k in members if not np.isfinite(candidates.mean[k])}
    if failed:
        axes.plot(
            sorted(failed),
            [0.03] * len(failed),
            "x",
            color="#555555",
            transform=axes.get_xaxis_transform(),
            label="without a score: failed",
        )


def _along(axes: Axes, which: str, searched: Searched) -> None:
    """Set up one axis for a parameter."""
    axis = getattr(axes, f"{which}axis")
    axes.set(**{f"{which}label": searched.name})
    if searched.scale == "log":
        axes.set(**{f"{which}scale": "log"})
    if searched.scale == "categories":
        axes.set(**{f"{which}lim": (-0.5, len(searched.values) - 0.5)})
    if searched.scale == "categories" or searched.are_apart:
        _ticks(axes, which, searched.places, searched.texts)
        axis.set_minor_formatter(NullFormatter())


def _ticks(axes: Axes, which: str, places: Sequence[float], texts: Sequence[str]) -> None:
    """Put texts along an axis: not all where there are many, aslant where they are long."""
    every = -(-len(places) // _MOST_TICKS)
    axis = getattr(axes, f"{which}axis")
    axis.set_ticks(places[::every], labels=texts[::every])
    if which == "x" and sum(map(len, texts[::every])) > _ROOM:
        axis.set_tick_params(rotation=30)


def _map(axes: Axes, candidates: _Candidates, x: Searched, y: Searched) -> None:
    """Draw the best score of each pair of values."""
    both = x.found.keys() & y.found.keys()
    best: dict[tuple[int, int], int] = {}
    for k in sorted(both, key=lambda k: _rank(candidates.mean[k])):
        best[y.found[k], x.found[k]] = k
    rows, columns = len(y.values), len(x.values)
    if len(best) < _FULL * rows * columns:
        _points(axes, candidates, x, y, list(best.values()))
        return
    scores = np.full((rows, columns), np.nan)
    for place, k in best.items():
        scores[place] = candidates.mean[k]
    least = candidates.least(best.values())
    masked = np.ma.masked_invalid(scores)
    image = axes.imshow(masked, aspect="auto", origin="lower", vmin=least)
    axes.set_facecolor("#dddddd")
    _numbers(axes, scores, best, image)
    for which, searched in (("x", x), ("y", y)):
        axes.set(**{f"{which}label": searched.name})
        _ticks(axes, which, range(len(searched.values)), searched.texts)
    _bar(axes, candidates, x, y, image)


def _numbers(axes: Axes, scores: np.ndarray, best: Iterable[tuple[int, int]], image: Any) -> None:
    """Write the scores into their cells, a cross where a candidate has none; frame the best."""
    top = np.unravel_index(np.nanargmax(scores), scores.shape)
    frame: Any = {"fill": False, "edgecolor": COLOURS[1], "linewidth": 3}
    axes.add_patch(Rectangle((float(top[1]) - 0.5, float(top[0]) - 0.5), 1, 1, **frame))
    for row, column in best if scores.size <= _MOST_NUMBERS else ():
        score = scores[row, column]
        light = np.isfinite(score) and image.norm(score) < 0.6
        text = f"{score:.3g}" if np.isfinite(score) else "×"
        colour = "white" if light else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")


def _points(
    axes: Axes, candidates: _Candidates, x: Searched, y: Searched, members: Sequence[int]
) -> None:
    found = [k for k in members if np.isfinite(candidates.mean[k])]
    failed = [k for k in members if k not in set(found)]
    places = ([x.position(k) for k in found], [y.position(k) for k in found])
    points = axes.scatter(*places, c=candidates.mean[found], s=50, vmin=candidates.least(found))
    axes.plot([x.position(k) for k in failed], [y.position(k) for k in failed], "x", c="#555555")
    top = max(found, key=lambda k: candidates.mean[k])
    ring: Any = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 2}
    axes.plot(x.position(top), y.position(top), "o", color=COLOURS[1], **ring)
    for which, searched in (("x", x), ("y", y)):
        _along(axes, which, searched)
    axes.grid(visible=True, alpha=0.3)
    _bar(axes, candidates, x, y, points)


def _bar(axes: Axes, candidates: _Candidates, x: Searched, y: Searched, image: Any) -> None:
    """Draw the scale of the colours beside the map."""
    others = candidates.varied(x.name, y.name)
    best = f", best over {', '.join(others)}" if others else ""
    axes.figure.colorbar(image, ax=axes, label=f"{candidates.label()}{best}")
