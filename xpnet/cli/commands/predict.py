"""``xpnet predict``: labels, probabilities or numbers of samples, as CSV or NPY."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from typer import Option

from xpnet import backend as arrays
from xpnet import predict as outputs_of
from xpnet import use_backend
from xpnet.cli import options
from xpnet.cli.files import by_suffix, check_writable, write
from xpnet.cli.models.data import load_samples
from xpnet.cli.models.files import Model
from xpnet.data import Classes, Quantities
from xpnet.data.csv.header import is_number

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Predictions(NamedTuple):
    """The outputs ``(n_y, m)`` beside each source of samples, and what outputs stand for."""

    outputs: Sequence[tuple[str, np.ndarray]]
    targets: Classes | Quantities


def predict(
    context: typer.Context,
    path: options.ModelPath,
    sources: options.DataSources,
    proba: Annotated[
        bool, Option("--proba", help="Add the probability of each class to a table.")
    ] = False,
    out: Annotated[
        Path | None,
        Option(
            help="FILE.csv: a table; FILE.npy: probabilities, a row per sample, or numbers.",
            show_default="a table on standard output",
        ),
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
    """Predict the class or the number of each sample; DATA may have labels or none.

    Of several DATA the table has a first column that says whose a sample is. If
    DATA has test samples, those are predicted.

    In a .csv with a header, features are found by their names in training,
    in any order; other columns are not read. Without a header, in the data or
    in training, columns must be in the same order as in training.

    In the table a label that a spreadsheet would run (it starts with =, +, -, @,
    a tab or a carriage return, and is not a number) has an apostrophe in front.
    """
    to_bytes = _as_csv(proba) if out is None else by_suffix("out", out, _formats(proba))
    check_writable(path, *sources, out=out)
    with use_backend(backend, device=device, dtype=dtype) as chosen:
        options.check_eager(chosen)
        model = Model.load(path)
        if proba and model.preprocessing.classes is None:
            raise ValueError("--proba is for classes, but the model predicts numbers: leave it out")
        reading = options.reading_of(context)
        found = [(source, _outputs(model, source, reading)) for source in sources]
    content = to_bytes(Predictions(found, model.preprocessing.targets))
    if out is None:
        typer.echo(content.decode(), nl=False)
    else:
        write("out", out, content)
        m = sum(A.shape[-1] for _, A in found)
        typer.echo(f"{options.plural(m, 'prediction')} {out}")


def _outputs(model: Model, source: str, reading: Mapping[str, Any]) -> np.ndarray:
    """Return what `model` predicts of the samples of a source, which are read as asked for."""
    X = model.preprocessing.inputs(load_samples(model, source, **reading))
    return arrays.to_numpy(outputs_of(model.net, model.params, X))


def _formats(proba: bool) -> dict[str, Callable[[Predictions], bytes]]:
    """Return what makes a file's content, by its suffix."""
    return {".csv": _as_csv(proba), ".npy": as_npy}


def _as_csv(proba: bool) -> Callable[[Predictions], bytes]:
    return lambda predictions: as_csv(predictions, proba=proba)


def as_csv(predictions: Predictions, *, proba: bool = False) -> bytes:
    """Return predictions as a table: most probable labels and probabilities, or numbers."""
    outputs, targets = predictions
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    several = len(outputs) > 1
    table.writerow([*["data"] * several, *_head(targets, proba)])
    for source, A in outputs:
        table.writerows([*[source] * several, *row] for row in _rows(A, targets, proba))
    return text.getvalue().encode()


def _head(targets: Classes | Quantities, proba: bool) -> Sequence[str]:
    if isinstance(targets, Quantities):
        return ["prediction"]
    return ["label", *(f"p_{name}" for name in targets.labels if proba)]


def _rows(A: np.ndarray, targets: Classes | Quantities, proba: bool) -> Iterator[Sequence[str]]:
    if isinstance(targets, Quantities):
        yield from ([f"{y:.{targets.digits}g}"] for y in targets.decode(A))
        return
    labels = [_without_formula(label) for label in targets.labels]
    for best, row in zip(A.argmax(axis=0), A.T, strict=True):
        yield [labels[best], *(f"{p:.6g}" for p in row if proba)]


def _without_formula(label: str | int) -> str:
    """Return `label` as a cell that no spreadsheet runs as a formula; numbers stay as they are."""
    text = str(label)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not is_number(text) else text


def as_npy(predictions: Predictions) -> bytes:
    """Return predictions as an array file: probabilities ``(m, n_y)``, or numbers ``(m,)``."""
    outputs, targets = predictions
    A = np.concatenate([A for _, A in outputs], axis=1)
    file = io.BytesIO()
    rows = targets.decode(A) if isinstance(targets, Quantities) else np.ascontiguousarray(A.T)
    np.save(file, rows, allow_pickle=False)
    return file.getvalue()
