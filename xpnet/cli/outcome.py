"""How a command ends: with 0, or with one line on standard error and a code that says why.

====  =====================
code  meaning
====  =====================
0     done
2     failed
130   interrupted by Ctrl-C
====  =====================
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130

_FAILED = 2
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
    try:
        # Imported here, as one line must tell where typer is not installed.
        code = import_module("xpnet.cli.app").run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        code = INTERRUPTED
        _say("interrupted")
    except Exception as error:
        code = _FAILED
        _say(_text(error))
    sys.exit(code)


def _say(text: str) -> None:
    sys.stderr.write(f"xpnet: {' '.join(text.split())}\n")


def _text(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        package = str(error.name).partition(".")[0]
        return f"the command line needs {package}: pip install 'xpnet[cli]'"
    # A wrong option. The class that has this method is typer's own or click's, by typer's version.
    if hasattr(error, "format_message"):
        return f"{error.format_message().rstrip('.')} (see xpnet --help)"
    return str(error) if isinstance(error, _PLAIN) else f"{type(error).__name__}: {error}"
