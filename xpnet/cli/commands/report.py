"""``xpnet report``: what was trained, and how well it does, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from xpnet import use_backend
from xpnet.cli import options
from xpnet.cli.files import by_suffix, check_writable
from xpnet.cli.models.data import load_labelled
from xpnet.cli.models.files import Model


def report(
    context: typer.Context,
    path: options.ModelPath,
    source: Annotated[
        str | None,
        Argument(metavar="DATA", help="As of train: adds how well MODEL does.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, Option(help="FILE.html.", show_default="MODEL's name, with .html")
    ] = None,
    label: options.Label = None,
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    max_memory: options.MaxMemory = None,
    backend: options.BackendName = None,
    device: options.Device = None,
    dtype: options.DType = None,
) -> None:
    """Write a report of a training: one HTML file, to be read in any browser.

    Of the folder of a --run, the report of the training so far.

    With DATA it has the confusion matrix, each class's figures, calibration and
    mistakes, on the same samples as evaluate.
    """
    from xpnet.cli.results.reports import SUFFIXES, write_report

    named = path.resolve() if path.is_dir() else path  # A folder may be ".", which is no name.
    out = out or path.parent / named.with_suffix(".html").name
    by_suffix("out", out, SUFFIXES)
    check_writable(path, *filter(None, [source]), out=out)
    with use_backend(backend, device=device, dtype=dtype) as chosen:
        options.check_eager(chosen)
        model = Model.load(path)
        dataset = None
        if source is not None:
            dataset = load_labelled(model, source, **options.reading_of(context))
        write_report("out", out, model, dataset)
    typer.echo(f"report {out}")
