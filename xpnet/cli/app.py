"""The command ``xpnet``: its commands, exit codes and error messages.

An error is one line on standard error, and a code that says why the command ended.

====  ================================================
code  meaning
====  ================================================
0     done
2     failed
129   ended by SIGHUP, as its terminal was closed
130   interrupted by Ctrl-C
141   the reader of its output has gone: no message
143   ended by SIGTERM
====  ================================================

Typer, NumPy and the commands are imported in functions: an interrupted import, or a package that
is not installed, is one line too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from errno import ENOSPC
from importlib import import_module
from signal import SIGINT
from typing import Any, NoReturn

from xpnet import __version__
from xpnet.cli.output import FAILED, flush, open_standard_streams, print_error
from xpnet.cli.signals import Interrupted, RaiseOnSignal, handled, ignore

_OUTPUT_UNREAD = 141
_COMPLETE = "_XPNET_COMPLETE"
_FOR_USERS = (ArithmeticError, ImportError, OSError, RuntimeError, TypeError, ValueError)
"""Errors whose text is written for a user; of any other the type is shown too."""

EXAMPLES = {
    "train": "xpnet train digits --epochs 3",
    "search": "xpnet search digits --grid lr=1e-3:1e-1:log3 --epochs 3 --cv 3",
    "evaluate": "xpnet evaluate xpnet-digits.safetensors digits",
    "predict": "xpnet predict xpnet-digits.safetensors digits --out digits.csv",
    "report": "xpnet report xpnet-digits.safetensors digits --out digits.html",
    "export": "xpnet export xpnet-digits.safetensors digits.onnx",
    "info": "xpnet info xpnet-digits.safetensors",
    "bench": "xpnet bench --plot bench.png",
}


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
    with handled(RaiseOnSignal(), restore=arguments is not None):
        code = _exit_code(sys.argv[1:] if arguments is None else arguments)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name and return its exit code; errors are raised."""
    if not _may_compile(arguments):
        return _run(arguments)
    from xpnet._ahead import second_process

    with second_process():
        return _run(arguments)


def _may_compile(arguments: Sequence[str]) -> bool:
    """Whether loops for NumPy may be needed, as far as can be seen before anything is parsed."""
    return (
        list(arguments[:1]) in (["train"], ["search"])
        and not any(argument.startswith("--backend") for argument in arguments)
        and not os.environ.keys() & {"XPNET_BACKEND", "XPNET_FUSED"}
    )


def _run(arguments: Sequence[str]) -> int:
    import typer

    group = _group(arguments)
    if _COMPLETE in os.environ:  # A shell asks what may come next.
        group.main(list(arguments), prog_name="xpnet")
    try:
        # Not group(): it would print errors in boxes.
        with group.make_context("xpnet", list(arguments), obj=tuple(arguments)) as context:
            context.command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _group(arguments: Sequence[str]) -> Any:
    """Return the commands as one: all of them, unless the first argument names the one it is."""
    import typer
    import typer.main

    app = typer.Typer(
        help="Neural networks that train where your arrays live.",
        epilog=f"Example: {EXAMPLES['train']}",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    version = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version."
    )

    @app.callback()
    def _options_of_xpnet(version: bool = version) -> None: ...

    named = [name for name in EXAMPLES if [name] == list(arguments[:1])]
    for name in named or EXAMPLES:
        command = getattr(import_module(f"xpnet.cli.commands.{name}"), name)
        app.command(epilog=f"Example: {EXAMPLES[name]}")(command)
    return typer.main.get_command(app)


def _print_version(requested: bool) -> None:
    import typer

    if requested:
        typer.echo(f"xpnet {__version__}")
        raise typer.Exit


def _exit_code(arguments: Sequence[str]) -> int:
    """Run the command; print why it failed, if it did."""
    try:
        try:
            return run(arguments)
        finally:
            flush(sys.stdout)
    except BrokenPipeError:
        return _OUTPUT_UNREAD
    except SystemExit as end:  # rich makes one of a broken pipe, typer ends completion by one.
        return _OUTPUT_UNREAD if end.code else 0
    except BaseException as error:
        ignore()
        signal = _signal_behind(error)
        if signal is None:
            print_error(_message(error))
            return FAILED
        print_error(": ".join(filter(None, ("interrupted", signal.message))))
        return signal.code
    finally:
        ignore()


def _signal_behind(error: BaseException | None) -> Interrupted | None:
    """Return the signal that caused `error`: an import turns it into another error."""
    while error is not None and not isinstance(error, Interrupted):
        if isinstance(error, KeyboardInterrupt):
            return Interrupted(SIGINT)
        error = error.__cause__ or error.__context__
    return error


def _message(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        package = str(error.name).partition(".")[0]
        return f"the command line needs {package}: pip install 'xpnet[cli]'"
    if isinstance(error, OSError) and error.errno == ENOSPC and error.filename is None:
        return f"cannot write to standard output: {error.strerror}"
    # A wrong option. The class that has this method is typer's own or click's, by typer's version.
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "xpnet"
        return f"{error.format_message().rstrip('.')} (see {command} --help)"
    return str(error) if isinstance(error, _FOR_USERS) else f"{type(error).__name__}: {error}"
