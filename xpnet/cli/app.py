"""The table of contents: every command. Their heavy imports wait until they are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
import typer.main
from typer import Option

from xpnet import __version__
from xpnet.cli.bench import bench
from xpnet.cli.evaluate import evaluate
from xpnet.cli.info import info
from xpnet.cli.predict import predict
from xpnet.cli.train import train

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` ask for; return its exit code, errors being raised."""
    app = typer.Typer(
        help="Neural networks that train where your arrays live.",
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_xpnet)
    for command in (train, evaluate, predict, info, bench):
        app.command()(command)
    group = typer.main.get_command(app)
    try:
        # Not group(): it would print errors in boxes.
        with group.make_context("xpnet", list(arguments)) as context:
            group.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"xpnet {__version__}")
        raise typer.Exit


def _xpnet(
    version: Annotated[
        bool,
        Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hold the options of ``xpnet`` itself, before any command."""
