"""The files and names that CONTRIBUTING.md's recipes speak of, outside their examples."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = re.sub(r"```.*?```", "", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), flags=re.S)
NEW = {"mylib", "relu6"}  # what the reader adds
COMMANDS = {"mypy"}


def test_the_files_are_there():
    paths = set(re.findall(r"`([\w.]+/[\w./]*)[`:]", TEXT))
    assert len(paths) > 20
    assert [
        path
        for path in paths
        if not any(name in path for name in NEW) and not (ROOT / path).exists()
    ] == []


def test_the_names_are_in_the_code():
    names = set(re.findall(r"`(_?[A-Za-z]\w*)[`(]", TEXT)) - NEW - COMMANDS  # but protocols
    files = (path for room in ("xpnet", "tests", "bench") for path in (ROOT / room).rglob("*.*"))
    code = "\n".join(path.read_text("utf-8") for path in files if path.suffix in {".py", ".cu"})
    assert len(names) > 50
    assert names - set(re.findall(r"[A-Za-z_]\w*", code)) == set()
