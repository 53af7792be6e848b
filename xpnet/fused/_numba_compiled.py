"""How every loop is compiled, and kept on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from numba import njit

__all__ = ["compiled"]

Loop = TypeVar("Loop", bound=Callable[..., Any])

FLAGS = {"reassoc", "contract", "arcp", "nsz"}
_IMPORT = uuid4().hex[:12]
_SOURCES = [(file.name, file.stat()) for file in sorted(Path(__file__).parent.glob("_numba_*.py"))]
_STAMP = tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in _SOURCES)


def compiled(function: Loop) -> Loop:
    """`function` as machine code, kept on disk beside the source.

    - ``error_model="numpy"``: a division that may raise would end vectorisation.
    - The fastmath flags let sums be reordered; NaN and infinity keep their meaning, so that a
      diverging cost is seen.
    """
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": FLAGS, "nogil": True}
    try:
        loop: Any = njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written to: each process compiles for itself
        return njit(**options)(function)  # type: ignore[no-any-return]
    _keep_apart(loop._cache._cache_file)
    return loop  # type: ignore[no-any-return]


def _keep_apart(files: Any) -> None:
    """Let no process load what is another loop's, or made of another source.

    numba numbers its files from an index that it reads before and writes after: two processes may
    give one number to two signatures, and whoever loads it then runs the wrong code (numba issues
    4807 and 10128). With names that no other process uses, the worst is to compile once more. And
    it knows a loop by the file that it stands in, where our loops call those of other files.
    """
    base = files._index_name.removesuffix(".nbi")
    files._data_name = lambda number: f"{base}.{_IMPORT}-{os.getpid()}-{number}.nbc"
    files._source_stamp = _STAMP
