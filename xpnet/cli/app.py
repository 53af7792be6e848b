"""The table of contents: every command. Their heavy imports wait until they are called."""

from __future__ import annotations

from collections.abc import Sequence

import typer
import typer.main

from xpnet.cli.bench import bench
from xpnet.cli.evaluate import evaluate
from xpnet.cli.info import info
from xpnet.cli.predict import predict
from xpnet.cli.train import train

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` ask for; return its exit code, errors being raised."""
    app = typer.Typer(
        help="Neural networks that train where your arrays live.", add_completion=False
    )
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
