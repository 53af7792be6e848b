"""A Markdown table."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """`head` and `rows`: the first `left` columns on the left, the others on the right."""
    bars = [":--" if number < left else "--:" for number in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, bars, *rows))
