"""How a command ends: with 0, or with one line on standard error and a code that says why.

====  ========================================================
code  meaning
====  ========================================================
0     done
2     failed
129   ended by SIGHUP, as its terminal was closed
130   interrupted by Ctrl-C
141   what it prints is read by no one any more: told by no line
143   ended by SIGTERM
====  ========================================================
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from errno import ENOSPC
from importlib import import_module
from signal import SIGINT
from typing import NoReturn

from xpnet.cli.output import flush, open_standard_streams
from xpnet.cli.signals import Interrupted, Raising, handled, ignore

__all__ = ["FAILED", "main", "say"]

FAILED = 2

_UNREAD = 141
_MOST = 300
"""Characters of a line."""
_PLAIN = (ArithmeticError, OSError, RuntimeError, TypeError, ValueError)
"""Errors whose text is written for a user; of any other the kind is shown too."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and exit.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Raises
    ------
    SystemExit
        Always, with one of the codes above.
    """
    open_standard_streams()
    with handled(Raising(), last=arguments is None):
        code = _code(sys.argv[1:] if arguments is None else arguments)
    sys.exit(code)


def say(text: str) -> None:
    """Write one line on standard error, if there is anyone to read it."""
    line = f"xpnet: {' '.join(text.split())}"
    if len(line) > _MOST:
        # The beginning names what is wrong, and the end says what to do.
        line = f"{line[:190]} … {line[-100:]}"
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        flush(sys.stderr)


def _code(arguments: Sequence[str]) -> int:
    """Run the command; tell how it failed, if it did."""
    try:
        try:
            # Imported here, as one line must tell where typer is not installed.
            return int(import_module("xpnet.cli.app").run(arguments))
        finally:
            flush(sys.stdout)
    except (BrokenPipeError, SystemExit):  # rich makes the one the other.
        return _UNREAD
    except BaseException as error:
        ignore()
        signal = _signal_behind(error)
        if signal is None:
            say(_text(error))
            return FAILED
        say(": ".join(filter(None, ("interrupted", signal.kept))))
        return signal.code
    finally:
        ignore()


def _signal_behind(error: BaseException | None) -> Interrupted | None:
    """Return the signal that `error` came of; an import makes another error of it."""
    while error is not None and not isinstance(error, Interrupted):
        if isinstance(error, KeyboardInterrupt):
            return Interrupted(SIGINT)
        error = error.__cause__ or error.__context__
    return error


def _text(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        package = str(error.name).partition(".")[0]
        return f"the command line needs {package}: pip install 'xpnet[cli]'"
    if isinstance(error, OSError) and error.errno == ENOSPC and error.filename is None:
        return f"cannot write to standard output: {error.strerror}"
    # A wrong option. The class that has this method is typer's own or click's, by typer's version.
    if hasattr(error, "format_message"):
        return f"{error.format_message().rstrip('.')} (see xpnet --help)"
    return str(error) if isinstance(error, _PLAIN) else f"{type(error).__name__}: {error}"
