"""``xpnet evaluate``: how good a model is on data that it has not seen."""

from __future__ import annotations

import typer

from xpnet import data, use_backend
from xpnet import evaluate as scores
from xpnet.cli.model import Model
from xpnet.cli.options import (
    BackendName,
    DataSource,
    Delimiter,
    Device,
    DType,
    Header,
    Label,
    MaxMemory,
    ModelPath,
    check_eager,
    counted,
)
from xpnet.cli.parts import unseen
from xpnet.cli.understood import say_understood

__all__ = ["evaluate"]


def evaluate(
    path: ModelPath,
    source: DataSource,
    label: Label = None,
    header: Header = None,
    delimiter: Delimiter = None,
    max_memory: MaxMemory = None,
    backend: BackendName = None,
    device: Device = None,
    dtype: DType = None,
) -> None:
    """Print the cost and accuracy of a model on labelled data.

    If DATA has a test part, or is what the model was trained on, on the test
    part; otherwise on all, which may include samples that it was trained on.

    In a .csv with a header, columns are found by their names in training, in
    any order; others are not read. Without a header, in the data or in
    training, columns must lie as they lay in training.
    """
    with use_backend(backend, device=device, dtype=dtype) as place:
        check_eager(place)
        model = Model.load(path)
        dataset = data.load(
            source,
            label=label,
            header=header,
            delimiter=delimiter,
            columns=model.columns,
            classes=model.preparation.classes,
            max_memory=max_memory,
        )
        say_understood(dataset, asks=False)
        X, y, what = unseen(dataset, model.trained_on)
        score = scores(model.net, model.params, *model.preparation.pair(X, y))
    typer.echo(f"{what}: {counted(len(y), 'sample')}")
    typer.echo(f"cost {score['cost']:.4f}\naccuracy {score['accuracy']:.2%}")
