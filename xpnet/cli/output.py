"""Standard output and error, also where they are closed, full or no longer read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import IO, Any

FAILED = 2
"""The exit code of a command that has printed an error."""

_LONGEST_LINE = 300
"""Characters of an error."""


def open_standard_streams() -> None:
    """Open those that are closed: a file that is opened later would get their numbers."""
    opened = os.open(os.devnull, os.O_RDWR)
    while opened <= 2:
        opened = os.dup(opened)
    os.close(opened)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115


def print_error(text: str) -> None:
    """Print one line on standard error, if it can be written to."""
    line = f"xpnet: {' '.join(text.split())}"
    if len(line) > _LONGEST_LINE:
        # The beginning names what is wrong, and the end says what to do.
        line = f"{line[:190]} … {line[-100:]}"
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        flush(sys.stderr)


def flush(stream: IO[Any]) -> None:
    """Flush `stream`; if that fails, discard the rest, so that Python does not try again.

    Raises OSError if it failed.
    """
    try:
        stream.flush()
    except OSError:
        _discard(stream)
        raise


@contextmanager
def tolerate_lost_output(*, quiet: bool = False) -> Iterator[None]:
    """Print to standard output while that is possible, and go on without when it is not.

    Where it is to be `quiet`, nothing is printed at all.
    """
    if quiet:
        with open(os.devnull, "w") as null, redirect_stdout(null):  # noqa: PTH123
            yield
        return
    stream = _LossyStream(sys.stdout)
    with redirect_stdout(stream):
        try:
            yield
        finally:
            stream.flush()


class _LossyStream:
    """A stream of text, or of the bytes beneath, that loses what cannot be written."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def buffer(self) -> _LossyStream:
        return _LossyStream(self._stream.buffer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str | bytes) -> int:
        try:
            return int(self._stream.write(text))
        except OSError:
            _discard(self._stream)
            return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            flush(self._stream)


def _discard(stream: IO[Any]) -> None:
    """Send whatever is still written to `stream` to the null device."""
    with suppress(OSError):  # A stream in memory has no number.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
