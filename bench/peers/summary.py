"""Summary of the cells of a training task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import filterfalse

from bench import markdown
from bench.peers.results import (
    DEFAULT,
    Cell,
    fastest,
    in_best_rounds,
    is_long,
    peers_of,
    ratio,
    row_of,
    title_of,
)
from bench.peers.tasks import PEER


def summary(cells: Sequence[Cell]) -> str:
    """How many times xpnet's time the peers take, and the cells in which it is not the first."""
    columns = _columns(cells)
    rivals = [peer for peer, role in peers_of(cells).items() if role == PEER]
    rows = [
        ["the best of each cell", *(_times(_over_best_peer(of)) for of in columns.values())],
        *([peer, *(_times(_over(peer, of)) for of in columns.values())] for peer in rivals),
    ]
    head = [f"times {DEFAULT}'s, geometric mean", *columns]
    return "\n\n".join([markdown.table(head, rows), *not_first(cells)])


def not_first(cells: Sequence[Cell]) -> list[str]:
    """A line for each cell in which a peer is faster."""
    return [
        f"Not first: {title_of(cell)}: {behind - 1:.0%} behind "
        f"{peer['peer']} ({ratio(*fast) - 1:+.0%} in the fastest rounds)"
        for cell in cells
        if (peer := fastest(cell, PEER)) and (behind := ratio(row_of(cell, DEFAULT), peer)) > 1
        for best in [in_best_rounds(cell)]
        for fast in [(row_of(best, DEFAULT), fastest(best, PEER))]
    ]


def _columns(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells of long and of short rounds, with their medians and with the fastest of them."""
    long, short = list(filter(is_long, cells)), list(filterfalse(is_long, cells))
    columns = {}
    for kind, of in {"long rounds": long, "short rounds": short}.items():
        if of:
            columns[kind] = of
            columns[f"fastest of the {kind}"] = [in_best_rounds(cell) for cell in of]
    return columns


def _over_best_peer(cells: Sequence[Cell]) -> float:
    return _geometric_mean(ratio(fastest(cell, PEER), row_of(cell, DEFAULT)) for cell in cells)


def _over(peer: str, cells: Sequence[Cell]) -> float:
    return _geometric_mean(ratio(row_of(cell, peer), row_of(cell, DEFAULT)) for cell in cells)


def _geometric_mean(ratios: Iterable[float]) -> float:
    logs = [math.log(ratio) for ratio in ratios if not math.isnan(ratio)]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def _times(ratio: float) -> str:
    return "" if math.isnan(ratio) else f"{ratio:.2f}"
