"""Number of cores that this process may use: its affinity, and a container's share of them.

NumPy's BLAS starts a thread for each core that it may run on. A quota says for how much of the
time: with a quota of one core, sixty-four threads use up their share of a tenth of a second in two
milliseconds, and then all of them stand still for the rest of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["cores"]

ROOT = Path("/")


def cores() -> int:
    """How many threads of this process can run at a time, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    on, granted = len(affinity(0)) if affinity else os.cpu_count() or 1, quota(ROOT)
    return on if granted >= on else max(1, math.ceil(granted))


@cache
def quota(root: Path) -> float:
    """Cores' worth of time that the process's control groups grant it; infinite without a limit.

    Linux counts the time of a group and of each group that it is in.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are.
    """
    return min(_granted(root), default=math.inf)


def _granted(root: Path) -> Iterator[float]:
    for hierarchy, group in _groups(root):
        # What a container sees as its own group may be named as seen from outside.
        for folder in (hierarchy / group, *(hierarchy / group).parents):
            if folder.is_relative_to(hierarchy):
                with suppress(OSError, ValueError, ZeroDivisionError):
                    yield _of_group(folder)


def _groups(root: Path) -> Iterator[tuple[Path, str]]:
    """Each hierarchy that may limit the time of processors, and our group in it."""
    mounted = root / "sys/fs/cgroup"
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            if line.count(":") < 2:
                continue
            _, controllers, group = line.split(":", 2)
            if not controllers:  # version 2
                yield mounted, group.lstrip("/")
            elif "cpu" in controllers.split(","):
                yield mounted / controllers, group.lstrip("/")
                yield mounted / "cpu", group.lstrip("/")


def _of_group(folder: Path) -> float:
    """Cores' worth of time of one group; raises where there is no limit, or no such group."""
    if (folder / "cpu.max").exists():
        time, period = (folder / "cpu.max").read_text().split()
    else:
        time, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    found = int(time) / int(period)  # of no limit, the time is "max" or -1
    if found <= 0:
        raise ValueError(f"{folder} has no limit")
    return found
