"""``xpnet evaluate``: cost and scores of a model on labelled data."""

from __future__ import annotations

import typer

from xpnet import use_backend
from xpnet.cli import options
from xpnet.cli.models.data import load_labelled
from xpnet.cli.models.files import Model
from xpnet.cli.results.scores import Scores, confusion_tables
from xpnet.cli.training.splits import evaluation_samples

_WIDE = 400
"""Columns of a file or a pipe, in which nothing needs to be cut short."""


def evaluate(
    context: typer.Context,
    path: options.ModelPath,
    source: options.DataSource,
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
    """Print the cost and scores of a model on labelled data.

    Of classes: accuracy; precision, recall and F1 of each; and the confusion
    matrix. Of numbers: R2 and the mean absolute error, MAE.

    If DATA has test samples, or is what the model was trained on, on the test
    samples; otherwise on all samples, some of which the model may have been
    trained on.

    In a .csv with a header, columns are found by their names in training, in
    any order; others are not read. Without a header, in the data or in
    training, columns must be in the same order as in training.
    """
    with use_backend(backend, device=device, dtype=dtype) as chosen:
        options.check_eager(chosen)
        model = Model.load(path)
        dataset = load_labelled(model, source, **options.reading_of(context))
        X, y, name = evaluation_samples(dataset, model.trained_on, model.shares)
        samples = model.preprocessing.inputs_and_targets(X, y)
        scores = Scores.of(model.net, model.params, model.preprocessing.targets, samples)
    typer.echo(f"{name}: {options.plural(len(y), 'sample')}")
    _print(scores)


def _print(scores: Scores) -> None:
    from rich.console import Console

    typer.echo(f"cost {scores.cost}")
    for name, value in scores.named.items():
        typer.echo(f"{name} {value}")
    if scores.classes is not None:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = _WIDE
        for table in confusion_tables(*scores.classes):
            console.print(table, markup=False)
