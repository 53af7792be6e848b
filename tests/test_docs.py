"""Pages are run as they stand, and must print what stands there."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"coming-from-scikit-learn.md": 5, "search.md": 8}
"""Each with the number of its blocks."""
PAIRS = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", re.S | re.M)


@pytest.mark.usefixtures("plain_and_fused")
@pytest.mark.parametrize(("page", "blocks"), PAGES.items(), ids=PAGES)
def test_each_block_prints_what_stands_under_it(page, blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # On a slow machine a search writes how far it is, a line a second: no page shows that.
    monkeypatch.setattr("xpnet.model_selection.progress.SECONDS", float("inf"))
    pairs = PAIRS.findall((DOCS / page).read_text("utf-8"))
    assert len(pairs) == blocks
    names: dict[str, object] = {}
    for code, text in pairs:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, page, "exec"), names)
        assert printed.getvalue() == text
