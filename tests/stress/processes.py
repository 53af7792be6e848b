"""Processes of xpnet's: started, disturbed, bounded, and looked at when they are over."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import xpnet
from xpnet import data
from xpnet.cli import main
from xpnet.cli.models.files import Model

__all__ = [
    "COMMAND",
    "SMALL",
    "Ended",
    "assert_trained",
    "ended",
    "folder",
    "is_line",
    "run",
    "trained_model",
]

ROOT = Path(__file__).parents[2]
COMMAND = (
    sys.executable,
    "-c",
    "import signal; from xpnet.cli import main; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "print('up', flush=True); main()",
)
"""What the script ``xpnet`` does; it says when it is our turn. A Ctrl-C that comes before one is
heard, as on a busy machine, ends the process and prints nothing."""

LONGEST = 240
"""Seconds after which a process is killed: many times what any takes on a busy machine."""

SMALL = ("--hidden", "16", "--batch-size", "16", "--lr", "0.01", "--backend", "numpy")


class Ended(NamedTuple):
    """How a process ended, and what it had said."""

    code: int
    out: str
    err: str

    def check(self, out: str | None = None) -> Ended:
        """Raise where it said more of an error than lines for a user, or failed to print `out`."""
        raw = re.search(r"Traceback|Exception ignored|^\w*Error\b|^Fatal", self.err, re.MULTILINE)
        assert not raw, f"exit code {self.code}\n{self.err[-3000:]}"
        told = re.sub(r"^\S+:\d+: \w+Warning: ", "", self.err, flags=re.MULTILINE)
        longest = max(map(len, told.splitlines()), default=0)
        assert longest <= 300, f"a line of {longest} characters: {self.err[-3000:]}"
        assert out is None or (self.code, self.out) == (0, out), self
        return self


def ended(
    command: tuple[Any, ...],
    place: Path,
    *,
    after: str = "",
    delay: float = 0.0,
    send: int = 0,
    **environment: str,
) -> Ended:
    """Run `command` in `place`; `delay` seconds after it has said `after`, `send` it a signal."""
    known = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "500"}
    said, complained = place / "said", place / "complained"
    with said.open("wb") as out, complained.open("wb") as err:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=place,
            env=known | environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            if send:
                end = time.monotonic() + LONGEST
                while after not in said.read_text() and process.poll() is None:
                    assert time.monotonic() < end, f"it never said {after!r}"
                    time.sleep(0.01)
                time.sleep(delay)
                process.send_signal(send)
            process.wait(LONGEST)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return Ended(process.returncode, said.read_text(), complained.read_text())


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder with a short name, removed with what is in it."""
    made = Path(tempfile.mkdtemp(prefix="x"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def trained_model(path: Path) -> bytes:
    """Save a model that knows some digits at `path`, as ``xpnet train`` would; return its bytes."""
    path.write_bytes(_trained())
    return _trained()


@cache
def _trained() -> bytes:
    with folder() as place:
        code, err = run("train", "digits", *SMALL, "--epochs", "2", "--save", place / "m")
        assert code == 0, err
        return (place / "m").read_bytes()


def is_line(text: str) -> bool:
    """Whether `text` is one line of an error, as our errors are."""
    text = text.removesuffix("\n")
    return 0 < len(text) <= 300 and text.isprintable()


def run(*arguments: Any) -> tuple[int, str]:
    """Run a command of the command line here: its exit code and what it said of errors."""
    err = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
    return end.value.code, err.getvalue()


def assert_trained(path: Path) -> None:
    """Raise unless there is a whole model that is right more often than by chance."""
    model = Model.load(path)
    digits = data.load("digits")
    X, Y = model.preprocessing.inputs_and_targets(digits.X_train, digits.y_train)
    assert all(np.isfinite(tensor).all() for layer in model.params for tensor in layer)
    score = xpnet.evaluate(model.net, model.params, X, Y)
    assert score["accuracy"] > 0.3, f"{path} holds a model that knows nothing: {score}"
