"""Results of a search: scores of the candidates, as scikit-learn has them, as a table, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

_BEST = 10
"""Candidates in the table."""

_LARGE = 100.0
"""R2 has no lower end."""

_MOST_LINES = 6
"""Of a plot: of more, a map of both parameters can be read better."""


class Results:
    """Scores of candidates on folds.

    Attributes
    ----------
    cv_results_ : dict
        As of scikit-learn's searches, which `xpnet.plot.search_results` reads.
    scoring : str
        The score's name.
    order : list of int
        The candidates with a score, the best first.
    """

    def __init__(self, params: Sequence[dict[str, Any]], scores: np.ndarray, scoring: str) -> None:
        self.scoring = scoring
        shown = [{name: _as_listed(v) for name, v in one.items()} for one in params]
        with np.errstate(invalid="ignore"):  # R2 of a training that nearly diverged may be -inf.
            self.mean, self.std = scores.mean(axis=1), scores.std(axis=1)
        self.cv_results_ = {
            "params": shown,
            "mean_test_score": self.mean,
            "std_test_score": self.std,
            **{f"split{k}_test_score": column for k, column in enumerate(scores.T)},
        }
        scored = [k for k, mean in enumerate(self.mean.tolist()) if not math.isnan(mean)]
        self.order = sorted(scored, key=lambda k: -self.mean[k])

    def lines(self) -> Iterator[str]:
        """Yield the lines of a table of the best candidates."""
        names = list(self.cv_results_["params"][0])
        rows = [("mean", "std", *names)]
        for k in self.order[:_BEST]:
            values = map(_text, self.cv_results_["params"][k].values())
            rows.append((_score(self.mean[k]), _score(self.std[k]), *values))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield f"  {'  '.join(cells)}".rstrip()

    def in_words(self, so_far: str = "") -> str:
        """Return what the table shows; `so_far` is put behind the candidates."""
        best, count = min(_BEST, len(self.order)), len(self.cv_results_["params"])
        many = f"the {best} best" if best > 1 else "the best"
        of = f"{many} of {count} candidates" if count > 1 else "the candidate"
        return f"{of}{so_far}, by {self.scoring} on samples held out:"

    def axes(self) -> tuple[str, str | None]:
        """Return the parameters of a plot: that of most values, and another of many."""
        params = self.cv_results_["params"]
        counts = {name: len({one[name] for one in params}) for name in params[0]}
        is_number = {name: not isinstance(params[0][name], str) for name in counts}
        x, *others = sorted(counts, key=lambda name: (-is_number[name], -counts[name]))
        varied = [name for name in others if counts[name] > 1]
        return x, varied[0] if len(varied) == 1 and counts[varied[0]] > _MOST_LINES else None


def _as_listed(value: Any) -> Any:
    """Return a value as ``--grid`` lists it: hidden layers have no commas there."""
    return (value.replace(",", "x") or "none") if isinstance(value, str) else value


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _score(value: float) -> str:
    return f"{value:.4f}" if abs(value) < _LARGE else f"{value:.3g}"
