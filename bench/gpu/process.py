"""One stage in a process group of its own, which is ended when its time is up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from bench.gpu.stages import ROOT, Stage

__all__ = ["DONE", "FAILED", "NOT_RUN", "TIMED_OUT", "Record", "run"]

DONE, FAILED, TIMED_OUT, NOT_RUN = "done", "failed", "timed out", "not run"
PATIENCE = 0.9
"""Of the limit; in the rest the stage may write what it has, as after Ctrl-C."""
UNKILLABLE = 10.0
"""Seconds after SIGKILL; what a hanging driver keeps even then is left behind."""
LAST_LINES, LAST_BYTES = 20, 20_000


@dataclass(frozen=True)
class Record:
    """What came of a stage, and why it is not done."""

    stage: str
    result: str
    why: str = ""
    limit: float = 0.0
    seconds: float = 0.0
    exit_code: int | None = None
    command: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()


def run(stage: Stage, limit: float, folder: Path, environment: Mapping[str, str]) -> Record:
    """Run a stage for `limit` seconds at most; what it prints is in `folder`, in ``log.txt``."""
    command = tuple(part.replace("{folder}", str(folder)) for part in stage.command)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").unlink(missing_ok=True)  # of an earlier run
    if which(command[0], path=environment["PATH"]) is None:
        return Record(stage.name, NOT_RUN, f"{command[0]} is not there", command=command)
    log = folder / "log.txt"
    start = time.monotonic()
    code, in_time = _exit_code(command, limit, log, {**environment, **stage.environment})
    seconds = time.monotonic() - start
    result, why = _outcome(code, in_time)
    return Record(stage.name, result, why, limit, seconds, code, command, _last_lines(log))


def _exit_code(
    command: Sequence[str], limit: float, log: Path, environment: Mapping[str, str]
) -> tuple[int | None, bool]:
    """The exit code, None for a process that nothing ends, and whether it came in time."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        in_time = _ends_in(process, limit)
    return process.returncode, in_time


def _ends_in(process: subprocess.Popen[bytes], limit: float) -> bool:
    """Whether it ends by itself in time; in any case, nothing of its group goes on."""
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE * limit)
            return True
        _signal(process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait((1 - PATIENCE) * limit)
        return False
    finally:
        _signal(process, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(UNKILLABLE)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _outcome(code: int | None, in_time: bool) -> tuple[str, str]:
    if not in_time:
        return TIMED_OUT, "its time was up" if code is not None else "SIGKILL has not ended it yet"
    if code == 0:
        return DONE, ""
    return FAILED, f"exit code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"


def _last_lines(log: Path) -> tuple[str, ...]:
    end = log.read_bytes()[-LAST_BYTES:].decode(errors="replace")
    return tuple(filter(str.strip, end.splitlines()))[-LAST_LINES:]
