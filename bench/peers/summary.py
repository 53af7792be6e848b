"""Summary of the cells of a training task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench import markdown
from bench.peers.results import (
    DEFAULT,
    Cell,
    fastest,
    in_best_rounds,
    network_of,
    peers_of,
    ratio,
    row_of,
)
from bench.peers.tasks import PEER


def summary(cells: Sequence[Cell]) -> str:
    """How many times xpnet's time the peers take, and the cells in which it is not the first."""
    best = [in_best_rounds(cell) for cell in cells]
    rivals = [peer for peer, role in peers_of(cells).items() if role == PEER]
    rows = [
        ["the best of each cell", *(_times(_over_best_peer(of)) for of in (cells, best))],
        *([peer, *(_times(_over(peer, of)) for of in (cells, best))] for peer in rivals),
    ]
    head = [f"times {DEFAULT}'s, geometric mean", "medians", "fastest rounds"]
    return "\n\n".join([markdown.table(head, rows), *not_first(cells)])


def not_first(cells: Sequence[Cell]) -> list[str]:
    """A line for each cell in which a peer is faster."""
    return [
        f"Not first: {network_of(cell)}, batch {cell['batch']}: {behind - 1:.0%} behind "
        f"{peer['peer']} ({ratio(*fast) - 1:+.0%} in the fastest rounds)"
        for cell in cells
        if (peer := fastest(cell, PEER)) and (behind := ratio(row_of(cell, DEFAULT), peer)) > 1
        for best in [in_best_rounds(cell)]
        for fast in [(row_of(best, DEFAULT), fastest(best, PEER))]
    ]


def _over_best_peer(cells: Sequence[Cell]) -> float:
    return _geometric_mean(ratio(fastest(cell, PEER), row_of(cell, DEFAULT)) for cell in cells)


def _over(peer: str, cells: Sequence[Cell]) -> float:
    return _geometric_mean(ratio(row_of(cell, peer), row_of(cell, DEFAULT)) for cell in cells)


def _geometric_mean(ratios: Iterable[float]) -> float:
    logs = [math.log(ratio) for ratio in ratios if not math.isnan(ratio)]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def _times(ratio: float) -> str:
    return "" if math.isnan(ratio) else f"{ratio:.2f}"
