"""Stamps of compiled loops: texts in the names of their files, which change with the version."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

_XPNET = Path(__file__).parent
_OF_NUMBERS = _XPNET.glob("kernels/activations.py")  # that loops hold
SOURCES = {
    file: file.read_bytes() for file in sorted([*_XPNET.glob("fused/numba/**/*.py"), *_OF_NUMBERS])
}
"""The loops as they were imported: each is compiled together with those of other files."""

_OURS = sha256(b"".join(SOURCES.values()))

PREFIX = "xpnet"
"""What the names of our files begin with."""

PYTHON = sys.implementation.cache_tag or "python"


def stamp(source: Path, compiler: str) -> str:
    """A text that changes with the loops of `source`, with the compiler and with Python."""
    made_of = _OURS.copy()
    if source not in SOURCES:
        made_of.update(source.read_bytes())
    made_of.update(compiler.encode())
    return f"{PYTHON}-{made_of.hexdigest()[:16]}"
