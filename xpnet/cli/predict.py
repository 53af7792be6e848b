"""``xpnet predict``: labels and probabilities for samples, as CSV or NPY."""

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
from xpnet.cli.files import CANNOT_WRITE, unwritten
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
    by_suffix,
    check_eager,
    check_writable,
    counted,
)
from xpnet.data import Classes
from xpnet.data.csv_header import is_number
from xpnet.persist.atomic import write_whole

__all__ = ["predict"]

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def predict(
    path: ModelPath,
    source: DataSource,
    out: Annotated[
        Path | None,
        Option(
            help="FILE.csv: label and probabilities; FILE.npy: probabilities, a row a sample.",
            show_default="CSV on standard output",
        ),
    ] = None,
    label: Label = None,
    header: Header = None,
    delimiter: Delimiter = None,
    max_memory: MaxMemory = None,
    backend: BackendName = None,
    device: Device = None,
    dtype: DType = None,
) -> None:
    """Predict the class of each sample; DATA may have labels or none.

    Where DATA has a test part, its samples are taken.

    In a .csv with a header, features are found by their names in training,
    in any order; other columns are not read. Without a header, in the data or
    in training, columns must lie as they lay in training.

    In the CSV a label that a spreadsheet would run (it starts with =, +, -, @,
    a tab or a carriage return, and is no number) has an apostrophe in front.
    """
    to_bytes = as_csv if out is None else by_suffix("out", out, FORMATS)
    check_writable(path, source, out=out)
    with use_backend(backend, device=device, dtype=dtype) as place:
        check_eager(place)
        model = Model.load(path)
        n_x = model.net.sizes[0]
        samples = data.load_samples(
            source,
            n_x,
            label=label,
            header=header,
            delimiter=delimiter,
            columns=model.columns,
            classes=model.preparation.classes,
            max_memory=max_memory,
        )
        X = model.preparation.inputs(samples)
        A = arrays.to_numpy(probabilities_of(model.net, model.params, X))
    content = to_bytes(A.T, model.preparation.classes)
    if out is None:
        typer.echo(content.decode(), nl=False)
    else:
        _write(out, content)
        typer.echo(f"{counted(A.shape[-1], 'prediction')} {out}")


def _write(out: Path, content: bytes) -> None:
    try:
        write_whole(out, content)
    except CANNOT_WRITE as error:
        raise OSError(unwritten("out", out, error)) from error


def as_csv(A: np.ndarray, classes: Classes) -> bytes:
    """Return probabilities `A` ``(m, n_y)`` and the most probable labels as a table."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["label", *(f"p_{name}" for name in classes.labels)])
    labels = [_harmless(label) for label in classes.labels]
    table.writerows(
        [labels[place], *(f"{p:.6g}" for p in row)]
        for place, row in zip(A.argmax(axis=1), A, strict=True)
    )
    return text.getvalue().encode()


def _harmless(label: str | int) -> str:
    """Return `label` as a cell that no spreadsheet takes for a formula; numbers are none."""
    text = str(label)
    return f"'{text}" if text.startswith(_FORMULAS) and not is_number(text) else text


def as_npy(A: np.ndarray, classes: Classes) -> bytes:
    """Return probabilities `A` ``(m, n_y)`` as an array file."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(A), allow_pickle=False)
    return file.getvalue()


FORMATS = {".csv": as_csv, ".npy": as_npy}
