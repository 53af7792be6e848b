"""Standard output and error, where they are closed, full, or read by no one any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import IO, Any

__all__ = ["flush", "open_standard_streams", "unheard"]


def open_standard_streams() -> None:
    """Open those that are closed: a file that is opened later would take their numbers."""
    opened = os.open(os.devnull, os.O_RDWR)
    while opened <= 2:
        opened = os.dup(opened)
    os.close(opened)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115


def flush(stream: IO[Any]) -> None:
    """Write what `stream` has not yet written; where that fails, have Python not try again.

    Raises
    ------
    OSError
        Where it failed.
    """
    try:
        stream.flush()
    except OSError:
        _silence(stream)
        raise


@contextmanager
def unheard() -> Iterator[None]:
    """Print to standard output as long as that can be done, and go on without when it cannot."""
    stream = _Unheard(sys.stdout)
    with redirect_stdout(stream):
        try:
            yield
        finally:
            stream.flush()


class _Unheard:
    """A stream of text, or of the bytes beneath, whose words may be lost."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def buffer(self) -> _Unheard:
        return _Unheard(self._stream.buffer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str | bytes) -> int:
        try:
            return int(self._stream.write(text))
        except OSError:
            _silence(self._stream)
            return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            flush(self._stream)


def _silence(stream: IO[Any]) -> None:
    """Send whatever is still written to `stream` to nowhere."""
    with suppress(OSError):  # A stream in memory has no number.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
