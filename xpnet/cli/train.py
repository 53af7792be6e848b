"""``xpnet train``: from a data set to a model file, a learning curve and the test accuracy."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from xpnet import data, evaluate, use_backend
from xpnet.cli.files import CANNOT_WRITE, Files, unwritten
from xpnet.cli.learn import learn, listeners
from xpnet.cli.model import ModelFile
from xpnet.cli.options import (
    BackendName,
    DataSource,
    Delimiter,
    Device,
    DType,
    Header,
    Label,
    MaxMemory,
    check_eager,
    counted,
    described,
    number,
)
from xpnet.cli.output import unheard
from xpnet.cli.parts import Parts
from xpnet.cli.recipe import OPTIMIZERS, SCHEDULES, Recipe
from xpnet.cli.understood import say_understood
from xpnet.kernels import ACTIVATIONS
from xpnet.types import Result

__all__ = ["train"]


def train(
    source: DataSource,
    hidden: Annotated[str, Option(help="Units of each hidden layer; '' for none.")] = "512,256",
    activation: Annotated[str, Option(help=f"{', '.join(ACTIVATIONS)}.")] = "relu",
    epochs: Annotated[int, Option(min=1, help="Passes over the training part.")] = 30,
    batch_size: Annotated[
        int | None,
        Option(min=1, help="Samples a step.", show_default="64; fewer, down to 16, on small data"),
    ] = None,
    optimizer: Annotated[str, Option(help=f"{', '.join(OPTIMIZERS)}.")] = "adam",
    lr: Annotated[
        float | None,
        Option(
            help="Learning rate.",
            show_default="the optimizer's: 0.001 for adam",
            callback=number("a number above 0", lambda rate: 0 < rate < inf),
        ),
    ] = None,
    schedule: Annotated[
        str, Option(help=f"{', '.join(SCHEDULES)}: cosine lowers the rate to 0 by the end.")
    ] = "cosine",
    l2: Annotated[
        float,
        Option(
            help="Penalty on the weights.",
            callback=number("a number, 0 or more", lambda l2: 0 <= l2 < inf),
        ),
    ] = 0.0,
    dropout: Annotated[
        float,
        Option(
            help="Share of hidden units left out at each step.",
            callback=number("a share of units, 0 or more and below 1", lambda p: 0 <= p < 1),
        ),
    ] = 0.0,
    seed: Annotated[int, Option(min=0, help="Of weights, order of samples and dropout.")] = 0,
    label: Label = None,
    header: Header = None,
    delimiter: Delimiter = None,
    keep_index: Annotated[
        bool,
        Option(
            "--keep-index", help="Train on a first column of a .csv that only numbers its rows."
        ),
    ] = False,
    max_memory: MaxMemory = None,
    validation: Annotated[
        float,
        Option(
            help="Share of the training part kept out to follow progress by.",
            callback=number("a share from 0 to 0.9", lambda share: 0 <= share <= 0.9),
        ),
    ] = 0.1,
    patience: Annotated[
        int | None,
        Option(
            min=1,
            help="Stop after so many epochs without a better validation cost; keep the best.",
            show_default="train all epochs",
        ),
    ] = None,
    save: Annotated[
        Path | None, Option(help="Model file.", show_default="xpnet-DATA.safetensors")
    ] = None,
    plot: Annotated[
        Path | None,
        Option(help="Learning curve: .png, .pdf, .svg or .jpg.", show_default="beside the model"),
    ] = None,
    checkpoint: Annotated[
        Path | None, Option(help="Model file written after each epoch.", show_default="none")
    ] = None,
    log: Annotated[
        Path | None, Option(help="Text file, a line of JSON an epoch.", show_default="none")
    ] = None,
    backend: BackendName = None,
    device: Device = None,
    dtype: DType = None,
) -> None:
    """Train a classifier; save it and its learning curve.

    The test part is looked at once, when training is over: it is t10k-... or
    X_test where DATA has them, else a fifth of the samples.

    The model keeps the names of a .csv's columns: evaluate and predict find
    them by name.

    Ctrl-C, SIGTERM and SIGHUP end the training early and keep what was learned.
    A model of that name is replaced only by one that was trained for an
    epoch or more and whose cost is finite: it stays if the training
    diverges, ends worse than guessing or is ended earlier. If the model cannot be written, it goes
    to the temporary folder.
    """
    if patience is not None and not validation:
        raise ValueError("--patience follows the validation cost: give --validation more than 0")
    recipe = Recipe(
        hidden, activation, epochs, batch_size, optimizer, lr, schedule, l2, dropout, seed
    )
    with unheard(), use_backend(backend, device=device, dtype=dtype) as place:
        check_eager(place)
        dataset = data.load(
            source,
            label=label,
            header=header,
            delimiter=delimiter,
            keep_index=keep_index,
            max_memory=max_memory,
        )
        say_understood(dataset, asks=not keep_index)
        files = Files.of(dataset.name, save, plot, checkpoint, log)
        files.check(source)
        parts = Parts.of(dataset, validation, label is not None)
        net, options = recipe.network(parts.n_x, parts.n_y), recipe.options(parts.m)
        model = ModelFile.of(files.save, net, parts, dataset.columns)
        typer.echo(f"{dataset.name}: {parts.sizes()}; layers {net.sizes} on {described(place)}")
        if files.save.exists():
            # Said now: there is still time to stop.
            typer.echo(f"{files.save} is replaced if all goes well (--save FILE for another)")
        heard = tuple(listeners(model, patience, checkpoint, log))
        result, code = learn(model, parts, heard=heard, **options)
        accuracy = evaluate(net, result.params, *parts.test)["accuracy"]
        score = f"test accuracy {accuracy:.2%} ({counted(parts.m_test, 'sample')})"
        typer.echo(score)
        if result.history:
            _plot(files.plot, result, f"{dataset.name}: {score}")
    raise typer.Exit(code)


def _plot(path: Path, result: Result, title: str) -> None:
    """Draw the learning curve, and say where it is."""
    from xpnet.cli.charts import write_learning_curve

    try:
        write_learning_curve(path, result.history, title)
    except CANNOT_WRITE as error:
        raise OSError(unwritten("plot", path, error)) from error
    typer.echo(f"plot  {path}")
