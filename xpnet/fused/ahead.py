"""A second process for the first use, which compiles some loops while this one compiles others.

numba compiles in one thread of a process at a time. Code comes and goes by the files in which it is
kept anyway. For programs that own their process, as the command line does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xpnet.fused.cores import cores
from xpnet.fused.stamps import PREFIX, SOURCES, stamp

LOOPS = "forward", "backward", "train"
"""Those that the other process compiles, in the order in which a training asks for them: half of
the work."""

_CODE = """
import sys
sys.path[:] = sys.argv[2:]
from xpnet.fused.numba.network.ahead import main
main(sys.argv[1])
"""
_LONGEST, _PAUSE = 30.0, 0.002
"""Seconds to wait for a loop at the most, and between two looks."""

_helpers: list[subprocess.Popen[bytes]] = []


@contextmanager
def compiling_ahead(dtype: str) -> Iterator[None]:
    """Where nothing is compiled yet, have loops of trainings in `dtype` compiled meanwhile.

    The other process ends with the block at the latest. Where it cannot start or fails, all is
    compiled here.
    """
    helper = _started(dtype) if cores() > 1 and _is_first_use() else None
    if helper is None:
        yield
        return
    _helpers.append(helper)
    try:
        yield
    finally:
        _helpers.remove(helper)
        helper.kill()
        helper.communicate()


def wait_for(loop: str, file: Path) -> None:
    """Return once there is the file of a loop, or nobody at work who will write it."""
    if loop not in LOOPS:
        return
    end = time.monotonic() + _LONGEST
    while _are_at_work() and not file.exists() and time.monotonic() < end:
        time.sleep(_PAUSE)


def _are_at_work() -> bool:
    return any(helper.poll() is None for helper in _helpers)


def _started(dtype: str) -> subprocess.Popen[bytes] | None:
    """The other process, whose input ends with this one, and it with that."""
    if not sys.executable or getattr(sys, "frozen", False):  # which would start the program anew
        return None
    command = [sys.executable, "-P", "-c", _CODE, dtype, *sys.path]
    nowhere = subprocess.DEVNULL
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)
    except OSError:
        return None


def _is_first_use() -> bool:
    """Whether numba is there, and the training loop not where it looks first for kept code.

    By the file's name, but for the processor, which only numba knows: to import it takes as long as
    half of what there is to gain.
    """
    try:
        compiler = version("numba")
    except PackageNotFoundError:
        return False
    (source,) = (file for file in SOURCES if file.parts[-2:] == ("network", "loop.py"))
    file, chosen = f"{PREFIX}.loop.train.{stamp(source, compiler)}.*", os.getenv("NUMBA_CACHE_DIR")
    if chosen:
        return not any(Path(chosen).glob(f"*/{file}"))
    folder = source.parent / "__pycache__"
    return os.access(folder, os.W_OK) and not any(folder.glob(file))
