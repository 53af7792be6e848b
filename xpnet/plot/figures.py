"""Figures: their colours, titles, and what a notebook shows of them."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

COLOURS = ("#1f5fa8", "#d1662b", "#3d8b4f", "#7a4fa3")

_LONGEST_TITLE = 90


class ShownFigure(Figure):
    """A figure that a notebook shows also where pyplot was never imported."""

    def _repr_svg_(self) -> str:
        file = io.StringIO()
        self.savefig(file, format="svg")
        page = file.getvalue()
        # Narrower where there is less room, as on a phone.
        style = 'style="max-width: 100%; height: auto"'
        return page[page.index("<svg") :].replace("<svg", f"<svg {style}", 1)


def titled(title: str) -> ShownFigure:
    """Return an empty figure; the middle of a long title is left out."""
    figure = ShownFigure(figsize=(9, 4), layout="constrained")
    figure.suptitle(_shortened(title), parse_math=False)  # A file's name may hold dollar signs.
    return figure


def _shortened(title: str) -> str:
    if len(title) <= _LONGEST_TITLE:
        return title
    kept = _LONGEST_TITLE // 2
    return f"{title[:kept]}…{title[-kept:]}"
