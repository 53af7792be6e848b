"""``python -m bench.report RESULT.json …``: measurements as Markdown tables and charts.

Takes what ``pytest bench --benchmark-json``, ``python -m bench.peers`` and ``python -m
bench.search`` write; results of several machines or backends, given together, come side by side. Of
peers that were measured in several runs, the table has the median of the runs.
The report of one kind is put beside its first file, with the endings ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from bench import timings
from bench.peers import chart, markdown_tables, results
from bench.search import tables
from bench.search.chart import chart as chart_of_searches

Result = dict[str, Any]


class Kind(NamedTuple):
    """Results that hold `key`: what of them is drawn, as text and as a chart."""

    key: str
    read: Callable[[Sequence[Result]], Any]
    text: Callable[[Any], str]
    chart: Callable[[Any], Figure]


KINDS = (
    Kind("benchmarks", timings.read, timings.tables, timings.chart),
    Kind("cells", results.read, markdown_tables.of_results, chart.chart),
    Kind("searches", tables.read, tables.tables, chart_of_searches),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a report for each kind among the files, and print it; 2 where a file is no result."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    files = parser.parse_args(arguments).files
    try:
        found = {path: _result(path) for path in files}
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for kind in KINDS:
        of_kind = {path: result for path, result in found.items() if kind.key in result}
        if of_kind:
            _report(kind, next(iter(of_kind)), list(of_kind.values()))
    return 0


def _result(path: Path) -> Result:
    """What a file holds.

    Raises
    ------
    ValueError
        If it is no measurement.
    """
    result = json.loads(path.read_text())
    keys = [kind.key for kind in KINDS]
    if not isinstance(result, dict) or not any(key in result for key in keys):
        raise ValueError(
            f"{path} has none of {', '.join(keys)}: expected what pytest --benchmark-json or "
            "python -m bench.peers or bench.search wrote"
        )
    return result


def _report(kind: Kind, beside: Path, found: Sequence[Result]) -> None:
    measured = kind.read(found)
    picture = beside.with_suffix(".png")
    text = f"{kind.text(measured)}\n\n![chart]({picture.name})\n"
    beside.with_suffix(".md").write_text(text)
    kind.chart(measured).savefig(picture, dpi=120)
    print(text)


if __name__ == "__main__":
    sys.exit(main())
