"""Summary of a run: one JSON and one Markdown table, written anew after each stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import markdown
from bench.gpu.process import DONE, NOT_RUN, Record

__all__ = ["line", "write"]


def write(out: Path, records: Sequence[Record]) -> None:
    """Write to `out` ``summary.json``, ``summary.md`` and each stage's ``record.json``."""
    found = out / "versions" / "results.json"
    versions = json.loads(found.read_text()) if found.exists() else None
    rows = [asdict(record) for record in records]
    for row in rows:
        _write(out / row["stage"] / "record.json", row)
    _write(out / "summary.json", {"kind": "gpu", "versions": versions, "stages": rows})
    (out / "summary.md").write_text(_markdown(versions, records))


def line(record: Record) -> str:
    """A record in one line."""
    why = f": {record.why}" if record.why else ""
    took = f", {record.seconds:.0f} of {record.limit:.0f} s" if record.limit else ""
    return f"{record.stage} {record.result}{why}{took}"


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _markdown(versions: dict[str, Any] | None, records: Sequence[Record]) -> str:
    rows = [
        [r.stage, r.result, r.why, _last_line(r), f"{r.seconds:.1f}", f"{r.limit:.0f}"]
        for r in records
    ]
    head = ["stage", "result", "why", "last line", "seconds", "limit"]
    ends = [
        "\n".join((f"## {line(r)}", "", "```text", *r.last_lines, "```"))
        for r in records
        if r.result not in (DONE, NOT_RUN)
    ]
    blocks = [_title(versions), markdown.table(head, rows, left=4), *ends]
    return "\n\n".join(blocks) + "\n"


def _title(versions: dict[str, Any] | None) -> str:
    if versions is None:
        return "# xpnet on a machine whose versions are not known"
    of = versions["machine"]["versions"]
    cards = versions["machine"]["cards"] or [device["name"] for device in versions["devices"]]
    libraries = (f"{name} {of[name]}" for name in of if name.startswith("cupy"))
    return f"# xpnet {versions['xpnet']} on {', '.join((*cards, *libraries))}"


def _last_line(record: Record) -> str:
    """A table's cell: without the bars that would end it."""
    return record.last_lines[-1].replace("|", "/").strip("= ") if record.last_lines else ""
