"""A second process for the first use, which compiles some loops while this one compiles others.

numba compiles in one thread of a process at a time. Code comes and goes by the files in which it is
kept anyway. For programs that own their process, as the command line does. Nothing is imported here
that takes long, for the other process is to begin as early as possible.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xpnet._cores import cores
from xpnet._stamps import PREFIX, SOURCES, stamp

LOOPS = "forward", "backward", "train", "product"
"""Those that the other process compiles, in the order in which a training asks for them: half of
the work."""

_CODE = """
import sys
sys.path[:] = sys.argv[1:]
from xpnet.fused.numba.network.ahead import main
main()
"""
_LONGEST, _PAUSE = 30.0, 0.002
"""Seconds to wait for a loop at the most, and between two looks."""

_started: list[subprocess.Popen[bytes]] = []
_at_work: list[subprocess.Popen[bytes]] = []


@contextmanager
def second_process() -> Iterator[None]:
    """Start the other process where nothing is compiled yet; it ends with the block at the latest.

    Where it cannot start or fails, all is compiled here.
    """
    if cores() > 1 and _is_first_use():
        with suppress(OSError):
            _start()
    try:
        yield
    finally:
        end()


def compile_for(dtype: str) -> None:
    """Have loops of trainings in `dtype` compiled, if there is another process."""
    for process in _started:
        if process not in _at_work and process.stdin is not None:
            with suppress(OSError):  # it has ended
                process.stdin.write(dtype.encode())
                process.stdin.flush()
            _at_work.append(process)


def end() -> None:
    """End the other process, if there is one."""
    _at_work.clear()
    while _started:
        process = _started[-1]
        process.kill()
        with suppress(OSError):
            process.communicate()
        _started.remove(process)


def wait_for(loop: str, file: Path) -> None:
    """Return once there is the file of a loop, or nobody at work who will write it."""
    if loop not in LOOPS:
        return
    latest = time.monotonic() + _LONGEST
    while _is_any_at_work() and not file.exists() and time.monotonic() < latest:
        time.sleep(_PAUSE)


def _is_any_at_work() -> bool:
    return any(process.poll() is None for process in _at_work)


def _start() -> None:
    """Start one whose input ends with this process, and it with that."""
    if not sys.executable or getattr(sys, "frozen", False):  # which would start the program anew
        return
    command = [sys.executable, "-P", "-c", _CODE, *sys.path]
    nowhere = subprocess.DEVNULL
    _started.append(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)
    )


def _is_first_use() -> bool:
    """Whether numba is there, and the training loop not where it looks first for kept code.

    By the file's name, but for the processor, which only numba knows: to import it takes as long as
    half of what there is to gain.
    """
    from importlib.metadata import PackageNotFoundError, version

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
