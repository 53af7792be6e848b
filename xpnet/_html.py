"""HTML of networks and results, as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.util import find_spec
from itertools import pairwise
from typing import Any


def of_network(net: Any) -> str:
    """A table of a network's layers: units, activation, parameters."""
    rows = []
    activations = (*net.activations, net.output)
    for number, (n_in, n_out) in enumerate(pairwise(net.sizes), 1):
        units = f"{n_in:,} → {n_out:,}"
        rows.append((number, units, activations[number - 1], f"{(n_in + 1) * n_out:,}"))
    total = sum((n_in + 1) * n_out for n_in, n_out in pairwise(net.sizes))
    head = "layer", "units", "activation", "parameters"
    return _table(f"Network of {total:,} parameters", head, rows)


def of_result(result: Any) -> str:
    """What a training came to, and its learning curve where matplotlib is installed."""
    rows = [(name, value) for name, value in result.summary().items() if name != "stopped"]
    summary = _table(f"Result: {result.stopped}", (), rows)
    if not result.history or find_spec("matplotlib") is None:
        return summary
    return f"{summary}<div>{result.plot()._repr_svg_()}</div>"


def _table(caption: str, head: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    header = "".join(f"<th>{escape(str(name))}</th>" for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(entry))}</td>' for entry in row)}</tr>" for row in rows
    )
    thead = f"<thead><tr>{header}</tr></thead>" if header else ""
    return f"<table><caption>{escape(caption)}</caption>{thead}<tbody>{body}</tbody></table>"
