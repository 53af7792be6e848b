"""``python -m bench.gpu``: all that a CUDA device can show, stage by stage, in ten minutes.

Each stage has a process group and a limit of its own, and leaves its log, its results and its
record in a folder below ``GPU_OUT``, whatever became of those before it. Uses what is installed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.gpu import process, summary, wheels
from bench.gpu.process import FAILED, NOT_RUN, TIMED_OUT, Record
from bench.gpu.stages import NO_DEVICE, ROOT, STAGES, Stage, environment, limit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every stage; 1 where one failed or was late, 2 without a device or the tests' needs."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="for all stages (600)")
    parser.add_argument("--wheels", type=Path, help="a folder of them: what is missing is used")
    asked = parser.parse_args(arguments)
    out = Path(os.environ.get("GPU_OUT", "bench/out/gpu")).resolve()
    for number in (signal.SIGINT, signal.SIGTERM):  # no stage outlives this process
        signal.signal(number, signal.default_int_handler)
    with TemporaryDirectory() as site:
        if asked.wheels:
            _say(f"taken from {asked.wheels}: {wheels.unpack(asked.wheels, Path(site))}")
        found = environment(Path(site))
        if missing := _missing(found):
            print(f"{missing}: pip install '.[test-tools]'", file=sys.stderr)
            return NO_DEVICE
        records = run(out, asked.seconds, found)
    _say((out / "summary.md").read_text())
    if records[0].exit_code == NO_DEVICE:
        return NO_DEVICE
    return 1 if any(record.result in (FAILED, TIMED_OUT) for record in records) else 0


def _missing(environment: Mapping[str, str]) -> str:
    """Why the tests' own requirements do not import in the stages; empty if they do."""
    command = (sys.executable, "-c", "import xpnet, pytest, xdist, pytest_benchmark, hypothesis")
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def run(out: Path, seconds: float, environment: Mapping[str, str]) -> list[Record]:
    """Run the stages one after another; after each, `out` has all that is known of them."""
    end = time.monotonic() + seconds
    records = [Record(stage.name, NOT_RUN, "its turn has not come") for stage in STAGES]
    for number, stage in enumerate(STAGES):
        allowed = limit(STAGES[number:], end - time.monotonic())
        _say(f"--- {stage.name}: {allowed:.0f} s at most")
        if records[0].exit_code == NO_DEVICE:
            records[number] = Record(stage.name, NOT_RUN, "no CUDA device answers")
        elif allowed <= 0:
            records[number] = Record(stage.name, NOT_RUN, "no time is left")
        else:
            records[number] = _record(stage, allowed, out / stage.name, environment)
        _say(summary.line(records[number]))
        summary.write(out, records)
    return records


def _record(stage: Stage, allowed: float, folder: Path, environment: Mapping[str, str]) -> Record:
    try:
        return process.run(stage, allowed, folder, environment)
    except OSError as error:  # such as a program that this machine cannot execute
        return Record(stage.name, FAILED, str(error))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
