"""``xpnet train``: from a data set to a model file, a learning curve and the test accuracy."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from xpnet import data, evaluate, use_backend
from xpnet.cli.learn import learn, listeners
from xpnet.cli.model import ModelFile
from xpnet.cli.options import (
    BackendName,
    DataSource,
    Device,
    DType,
    Label,
    check_eager,
    check_writable,
    described,
)
from xpnet.cli.outcome import INTERRUPTED
from xpnet.cli.parts import Parts
from xpnet.cli.recipe import (
    OPTIMIZERS,
    SCHEDULES,
    default_batch_size,
    make_network,
    make_optimizer,
)
from xpnet.kernels import ACTIVATIONS

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
        Option(min=0.0, help="Learning rate.", show_default="the optimizer's: 0.001 for adam"),
    ] = None,
    schedule: Annotated[
        str, Option(help=f"{', '.join(SCHEDULES)}: cosine lowers the rate to 0 by the end.")
    ] = "cosine",
    l2: Annotated[float, Option(min=0.0, help="Penalty on the weights.")] = 0.0,
    dropout: Annotated[float, Option(help="Share of hidden units left out at each step.")] = 0.0,
    seed: Annotated[int, Option(min=0, help="Of weights, order of samples and dropout.")] = 0,
    label: Label = None,
    validation: Annotated[
        float,
        Option(min=0.0, max=0.9, help="Share of the training part kept out to follow progress by."),
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
        Path | None, Option(help="Learning curve, a PNG.", show_default="beside the model")
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

    Ctrl-C ends the training early and keeps what was learned.
    """
    # Before the training, so that a missing matplotlib is known by then.
    from xpnet.cli.charts import write_learning_curve

    if patience is not None and not validation:
        raise ValueError("--patience follows the validation cost: give --validation more than 0")
    with use_backend(backend, device=device, dtype=dtype) as place:
        check_eager(place)
        dataset = data.load(source, label=label)
        save = save or Path(f"xpnet-{dataset.name}.safetensors")
        plot = plot or save.with_suffix(".png")
        check_writable(save=save, plot=plot, checkpoint=checkpoint, log=log)
        parts = Parts.of(dataset, validation)
        batch_size = batch_size or default_batch_size(parts.m)
        net = make_network(parts.n_x, hidden, parts.n_y, activation)
        model = ModelFile.of(save, net, parts, label)
        typer.echo(f"{dataset.name}: {parts.sizes()}; layers {net.sizes} on {described(place)}")
        result = learn(
            model,
            parts,
            seed,
            optimizer=make_optimizer(
                optimizer, lr, schedule, steps=epochs * ceil(parts.m / batch_size)
            ),
            epochs=epochs,
            batch_size=batch_size,
            l2=l2,
            dropout=dropout,
            callbacks=tuple(listeners(model, patience, checkpoint, log)),
        )
        accuracy = evaluate(net, result.params, *parts.test)["accuracy"]
    typer.echo(
        f"{result.stopped} after {len(result.history)} epochs\n"
        f"test accuracy {accuracy:.2%} ({parts.test[0].shape[-1]} samples)\n"
        f"model {save}"
    )
    if result.history:
        write_learning_curve(plot, result.history, f"{dataset.name}: {accuracy:.2%} test accuracy")
        typer.echo(f"plot  {plot}")
    if result.stopped == "interrupted":
        raise typer.Exit(INTERRUPTED)
