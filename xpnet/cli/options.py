"""Options of the command line, which several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from typer import Argument, BadParameter, Context, Option

from xpnet import optim
from xpnet.backend import Backend
from xpnet.backend.libraries import LIBRARIES
from xpnet.cli.training.networks import SCHEDULES
from xpnet.cli.training.settings import use_config
from xpnet.exceptions import BackendError
from xpnet.kernels import ACTIVATIONS

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?", re.IGNORECASE)

_SMALLEST_SIZE = 1000
"""Bytes."""


def number_in(
    expected: str, contains: Callable[[float], bool]
) -> Callable[[float | None], float | None]:
    """Return an option's check that its number is as `expected`; NaN is in no range."""

    def check(value: float | None) -> float | None:
        if value is not None and not contains(value):
            raise BadParameter(f"{value:g} is not {expected}")
        return value

    return check


def size(text: str | int) -> int:
    """Return the number of bytes that a text such as ``500MB`` or ``4 GB`` stands for."""
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise BadParameter(f"{text!r} is not a size, such as 500MB or 4GB")
    nbytes = int(float(match[1]) * 1000 ** " kmgt".index(match[2].lower() or " "))
    if nbytes < _SMALLEST_SIZE:
        raise BadParameter(f"{text!r} is too little for any data: expected 1kB or more, as 500MB")
    return nbytes


def rate(text: str | float) -> float | str:
    """Return the learning rate that a text stands for, or ``find``."""
    if text == "find":
        return "find"
    try:
        found = float(text)
    except ValueError:
        raise BadParameter(f"{text!r} is not a number above 0, nor find") from None
    number_in("a number above 0", lambda rate: 0 < rate < inf)(found)
    return found


_of_table = partial(Option, rich_help_panel="Tables")
_of_training = partial(Option, rich_help_panel="Network and training")
of_files = partial(Option, rich_help_panel="Files")
_of_place = partial(Option, rich_help_panel="Where it runs")

_SOURCES = (
    "A table (.csv, .tsv, .csv.gz, .parquet, or - for standard input), FILE.npz, a folder of IDX "
    "files (as MNIST comes), or digits (built in)"
)

DataSource: TypeAlias = Annotated[
    str,
    Argument(
        metavar="DATA",
        help=f"{_SOURCES}.",
        show_default=False,
    ),
]
DataSources: TypeAlias = Annotated[
    list[str],
    Argument(metavar="DATA...", help=f"{_SOURCES}; one or several.", show_default=False),
]
ModelPath: TypeAlias = Annotated[
    Path,
    Argument(
        metavar="MODEL",
        help="A model that xpnet train saved, or the folder of a --run: its newest checkpoint.",
        show_default=False,
    ),
]

# How a table is read.
READING = "label", "header", "delimiter", "decimal", "encoding", "max_memory"
"""Options of how a table is read. Commands that use a model take them by name so that Typer knows
them, and read them by `reading_of`."""

Label: TypeAlias = Annotated[
    str | None,
    _of_table(
        help="Label column of a .csv: name, or number from 0.",
        show_default="the model's, or the last",
    ),
]
Header: TypeAlias = Annotated[
    bool | None,
    _of_table(
        "--header/--no-header",
        help="Whether the first line of a .csv names its columns.",
        show_default="as in training, or detected",
    ),
]
Delimiter: TypeAlias = Annotated[
    str | None,
    _of_table(
        help="Separator of the columns of a .csv; 'tab' for a tab.",
        show_default="as in training, or detected: ; , or tab",
        callback=lambda text: "\t" if text in ("tab", r"\t") else text,
    ),
]
Decimal: TypeAlias = Annotated[
    Literal[".", ","] | None,
    _of_table(
        "--decimal",
        help="Decimal mark of the numbers in a .csv.",
        show_default="as in training, or a point",
    ),
]
Encoding: TypeAlias = Annotated[
    str | None,
    _of_table(
        help="Of the text of a .csv: cp1252, latin-1, utf-16, ...",
        show_default="as in training, or utf-8",
    ),
]
KeepIndex: TypeAlias = Annotated[
    bool,
    _of_table(
        "--keep-index", help="Train on the first column of a .csv even if it only numbers the rows."
    ),
]
Drop: TypeAlias = Annotated[
    list[str] | None,
    _of_table(help="Columns of a table to leave out; names with commas between, or once for each."),
]
Features: TypeAlias = Annotated[
    list[str] | None,
    _of_table(help="Columns of a table to learn from, and no others.", show_default="all"),
]
Impute: TypeAlias = Annotated[
    Literal["median", "mean", "most_frequent"] | None,
    _of_table(help="Fill gaps in a table by what a column has.", show_default="gaps are refused"),
]
OneHot: TypeAlias = Annotated[
    bool, _of_table("--one-hot", help="Encode words in a table: an input for each, 0 or 1.")
]
MaxMemory: TypeAlias = Annotated[
    int | None,
    _of_table(
        help="Memory limit for the data, as read and scaled: bytes, 500MB, 4GB.",
        metavar="SIZE",
        parser=size,
        show_default="half of what is free",
    ),
]

TaskName: TypeAlias = Annotated[
    Literal["classification", "regression"] | None,
    _of_table("--task", help="What is learned.", show_default="told apart by the labels"),
]
LossName: TypeAlias = Annotated[
    Literal["mse", "huber", "poisson"] | None,
    _of_table("--loss", help="Of a regression; poisson of counts, 0 or more.", show_default="mse"),
]
ClassWeight: TypeAlias = Annotated[
    Literal["balanced"] | None,
    _of_table(help="Weigh rare classes as much as others.", show_default="samples weigh the same"),
]

# The network and its training.
Hidden: TypeAlias = Annotated[
    str | None,
    _of_training(
        help="Units per hidden layer, as 64,32; '' for none.",
        show_default="100; 512,256 from 1000 training samples on",
    ),
]
ActivationName: TypeAlias = Annotated[str, _of_training(help=f"{', '.join(ACTIVATIONS)}.")]
Epochs: TypeAlias = Annotated[
    int | None,
    _of_training(
        min=1,
        help="Passes over the training samples.",
        show_default="30; more on small data, for 2000 steps",
    ),
]
BatchSize: TypeAlias = Annotated[
    int | None,
    _of_training(
        min=1, help="Samples per step.", show_default="64; fewer, down to 32, on small data"
    ),
]
OptimizerName: TypeAlias = Annotated[str, _of_training(help=f"{', '.join(optim.OPTIMIZERS)}.")]
LearningRate: TypeAlias = Annotated[
    Any,
    _of_training(
        help="Learning rate; for train also find, which tries the first steps at many.",
        metavar="RATE",
        show_default="the optimiser's: 0.001 for adam",
        parser=rate,
    ),
]
ScheduleName: TypeAlias = Annotated[
    str, _of_training(help=f"{', '.join(SCHEDULES)}: cosine lowers the rate to 0 by the end.")
]
L2: TypeAlias = Annotated[
    float | None,
    _of_training(
        help="Penalty on the weights, for each step.",
        show_default="samples per step / samples, as C=1 of scikit-learn; 0 from 1000 on",
        callback=number_in("a number, 0 or more", lambda l2: 0 <= l2 < inf),
    ),
]
Dropout: TypeAlias = Annotated[
    float,
    _of_training(
        help="Share of hidden units left out at each step.",
        callback=number_in("a share of units, 0 or more and below 1", lambda p: 0 <= p < 1),
    ),
]
Seed: TypeAlias = Annotated[
    int, _of_training(min=0, help="Seed for the split, weights, sample order and dropout.")
]
TestShare: TypeAlias = Annotated[
    float,
    _of_training(
        "--test",
        help="Share of the samples set aside for the test, where DATA has no test samples.",
        callback=number_in("a share above 0, 0.9 at most", lambda share: 0 < share <= 0.9),
    ),
]
ValidationShare: TypeAlias = Annotated[
    float | None,
    _of_training(
        help="Share of the training samples set aside for validation.",
        show_default="0.1; 0 of fewer than 1000 training samples",
        callback=number_in("a share from 0 to 0.9", lambda share: 0 <= share <= 0.9),
    ),
]
Patience: TypeAlias = Annotated[
    int | None,
    _of_training(
        min=1,
        help="Stop after this many epochs without a better validation cost; keep the best.",
        show_default="0.3 of the epochs; none with --epochs or without validation",
    ),
]

# The files that a training reads and writes.
Config: TypeAlias = Annotated[
    Path | None,
    of_files(
        "--config",
        help="TOML file with options, as each training writes one beside its model.",
        show_default="none",
        callback=use_config,
        is_eager=True,
    ),
]
NoPlot: TypeAlias = Annotated[bool, of_files("--no-plot", help="Draw no learning curve.")]
Quiet: TypeAlias = Annotated[bool, of_files("--quiet", help="Print errors alone.")]
SavePath: TypeAlias = Annotated[
    Path | None, of_files(help="Model file.", show_default="xpnet-DATA.safetensors")
]
PlotPath: TypeAlias = Annotated[
    Path | None,
    of_files(help="Learning curve: .png, .pdf, .svg or .jpg.", show_default="beside the model"),
]
CheckpointPath: TypeAlias = Annotated[
    Path | None, of_files(help="Model file written after every epoch.", show_default="none")
]
RunFolder: TypeAlias = Annotated[
    Path | None,
    Option(
        help="Folder for the last 3 checkpoints, one an epoch, from which --resume goes on.",
        show_default="none",
    ),
]
Resume: TypeAlias = Annotated[
    bool, Option("--resume", help="Go on with the run in the folder of --run, if there is one.")
]
LogPath: TypeAlias = Annotated[
    Path | None, of_files(help="Text file with a line of JSON per epoch.", show_default="none")
]
ReportPath: TypeAlias = Annotated[
    Path | None,
    of_files(help="Report of the training, an HTML file (see xpnet report).", show_default="none"),
]

# Where new arrays are made.
BackendName: TypeAlias = Annotated[
    str | None,
    _of_place(
        "--backend",
        help=f"{', '.join(name for name in LIBRARIES if not LIBRARIES[name].lazy)} or auto.",
        show_default="XPNET_BACKEND, or numpy",
    ),
]
Device: TypeAlias = Annotated[
    str | None,
    _of_place(help="cpu, cuda:0, ...", show_default="XPNET_DEVICE, or the backend's first"),
]
DType: TypeAlias = Annotated[
    str | None, _of_place(help="float32 or float64.", show_default="XPNET_DTYPE, or float32")
]
Threads: TypeAlias = Annotated[
    int | None,
    _of_place(
        min=1,
        help="Threads on the processor, at the most.",
        show_default="OMP_NUM_THREADS, or its cores",
    ),
]


def reading_of(context: Context) -> dict[str, Any]:
    """Return what was given of `READING`, for `xpnet.data.load` and `load_samples`."""
    return {name: context.params[name] for name in READING}


def check_eager(backend: Backend) -> None:
    """Raise BackendError if `backend` only builds graphs."""
    if LIBRARIES[backend.name].lazy:
        raise BackendError(
            f"this command does not run on {backend.name}: choose another --backend, such as "
            f"numpy; the library's xpnet.value_and_grad takes {backend.name} arrays"
        )


def describe_backend(backend: Backend) -> str:
    """Return ``numpy, cpu, float32``."""
    return f"{backend.name}, {backend.device}, {backend.dtype}"


def plural(count: int, noun: str) -> str:
    """Return ``1 epoch``, ``2 epochs``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
