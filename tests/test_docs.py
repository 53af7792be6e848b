"""The page for scikit-learn's users is run as it stands there, and must print what stands there."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "coming-from-scikit-learn.md"
PAIRS = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", re.S | re.M)


def test_each_block_prints_what_stands_under_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = PAIRS.findall(PAGE.read_text("utf-8"))
    assert len(pairs) == 5
    names: dict[str, object] = {}
    for code, text in pairs:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, PAGE.name, "exec"), names)
        assert printed.getvalue() == text
