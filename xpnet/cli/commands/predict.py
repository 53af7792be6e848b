"""``xpnet predict``: labels and probabilities of samples, as CSV or NPY."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from typer import Option

from xpnet import backend as arrays
from xpnet import data, use_backend
from xpnet import predict as probabilities_of
from xpnet.cli import options
from xpnet.cli.files import by_suffix, check_writable, write
from xpnet.cli.model_files import Model
from xpnet.data import Classes, Quantities
from xpnet.data.csv_header import is_number

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def predict(
    path: options.ModelPath,
    source: options.DataSource,
    out: Annotated[
        Path | None,
        Option(
            help="FILE.csv: labels and probabilities; FILE.npy: probabilities, a row per sample.",
            show_default="CSV on standard output",
        ),
    ] = None,
    label: options.Label = None,
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    max_memory: options.MaxMemory = None,
    backend: options.BackendName = None,
    device: options.Device = None,
    dtype: options.DType = None,
) -> None:
    """Predict the class of each sample; DATA may have labels or none.

    If DATA has test samples, those are predicted.

    In a .csv with a header, features are found by their names in training,
    in any order; other columns are not read. Without a header, in the data or
    in training, columns must be in the same order as in training.

    In the CSV a label that a spreadsheet would run (it starts with =, +, -, @,
    a tab or a carriage return, and is not a number) has an apostrophe in front.
    """
    to_bytes = as_csv if out is None else by_suffix("out", out, FORMATS)
    check_writable(path, source, out=out)
    with use_backend(backend, device=device, dtype=dtype) as chosen:
        options.check_eager(chosen)
        model = Model.load(path)
        samples = data.load_samples(
            source,
            model.preprocessing.n_x,
            label=label,
            header=header,
            delimiter=delimiter,
            columns=model.columns,
            classes=model.preprocessing.classes,
            gaps=model.preprocessing.fills_gaps,
            max_memory=max_memory,
        )
        X = model.preprocessing.inputs(samples)
        A = arrays.to_numpy(probabilities_of(model.net, model.params, X))
    content = to_bytes(A, model.preprocessing.targets)
    if out is None:
        typer.echo(content.decode(), nl=False)
    else:
        write("out", out, content)
        typer.echo(f"{options.plural(A.shape[-1], 'prediction')} {out}")


def as_csv(A: np.ndarray, targets: Classes | Quantities) -> bytes:
    """Return predictions `A` ``(n_y, m)`` as a table: most probable labels, or numbers."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if isinstance(targets, Quantities):
        table.writerow(["prediction"])
        table.writerows([f"{y:.6g}"] for y in targets.decode(A))
        return text.getvalue().encode()
    table.writerow(["label", *(f"p_{name}" for name in targets.labels)])
    labels = [_without_formula(label) for label in targets.labels]
    table.writerows(
        [labels[best], *(f"{p:.6g}" for p in row)]
        for best, row in zip(A.argmax(axis=0), A.T, strict=True)
    )
    return text.getvalue().encode()


def _without_formula(label: str | int) -> str:
    """Return `label` as a cell that no spreadsheet runs as a formula; numbers stay as they are."""
    text = str(label)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not is_number(text) else text


def as_npy(A: np.ndarray, targets: Classes | Quantities) -> bytes:
    """Return predictions `A` ``(n_y, m)`` as an array file: ``(m, n_y)``, or numbers ``(m,)``."""
    file = io.BytesIO()
    rows = targets.decode(A) if isinstance(targets, Quantities) else np.ascontiguousarray(A.T)
    np.save(file, rows, allow_pickle=False)
    return file.getvalue()


FORMATS = {".csv": as_csv, ".npy": as_npy}
