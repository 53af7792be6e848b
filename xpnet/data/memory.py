"""Memory limit of the readers: what is free, what an array needs, arrays read within it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from xpnet.exceptions import DataError

_UNKNOWN = 2**33
"""Free memory in bytes where the system does not say."""

_MEMINFO = Path("/proc/meminfo")
_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Files in which Linux gives a container's limit and use, in its two versions."""

_GROUP_FOLDER = Path("/sys/fs/cgroup")

_CHUNK = 2**20
"""Bytes read at once: what decompresses to more is stopped here."""


def default_limit() -> int:
    """Return half of the memory that is free, in bytes."""
    return min([_system(), *_containers()]) // 2


def array_bytes(shape: Sequence[int], itemsize: int) -> int:
    """Return the bytes that an array needs: samples scaled to float32, too, labels as int64."""
    return math.prod(shape) * (itemsize + 4 if len(shape) > 1 else max(itemsize, 8))


def check_fits(nbytes: int, limit: int, where: str) -> None:
    """Raise DataError where `nbytes` are more than the `limit`; `where` names what needs them."""
    if nbytes > limit:
        raise DataError(
            f"{where} takes {_in_words(nbytes)} of memory: expected at most {_in_words(limit)}, "
            "the limit; raise it (max_memory, --max-memory) or give fewer samples"
        )


def filled(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """Return an array of `shape` and `dtype` read from `stream`; None unless it holds just that.

    Memory fills as the bytes come: a header that lies fills none.
    """
    array = np.empty(shape, dtype)
    bytes_of = array.reshape(-1).view(np.uint8).data
    start = 0
    while start < len(bytes_of):
        chunk = stream.read(min(_CHUNK, len(bytes_of) - start))
        if not chunk:
            return None
        bytes_of[start : start + len(chunk)] = chunk
        start += len(chunk)
    return None if stream.read(1) else array


def _system() -> int:
    try:
        if _MEMINFO.is_file():
            words = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
            return int(words["MemAvailable"].split()[0]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, KeyError, OSError, ValueError):
        return _UNKNOWN


def _containers() -> list[int]:
    free = []
    for names in _GROUPS:
        try:
            most, used = (int((_GROUP_FOLDER / name).read_text()) for name in names)
            cached = _cached((_GROUP_FOLDER / names[0]).with_name("memory.stat"))
            free.append(max(0, most - used + cached))
        except (OSError, ValueError):
            continue  # Not there, or "max": no limit.
    return free


def _cached(stat: Path) -> int:
    """Return the bytes of a container that hold parts of files, and are given up when needed."""
    facts = dict(line.split() for line in stat.read_text().splitlines())
    parts = ("inactive_file", "active_file")
    return sum(int(facts.get(f"total_{part}", facts.get(part, 0))) for part in parts)


def _in_words(nbytes: int) -> str:
    power = min(len(str(nbytes)) - 1, 15) // 3
    return f"{nbytes / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB', 'PB')[power]}"
