"""Command-line options, and the network and optimiser that they describe."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from inspect import signature
from math import inf
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from typer import Argument, BadParameter, Option

from xpnet import optim
from xpnet.backend import Backend
from xpnet.backend.libraries import LIBRARIES
from xpnet.exceptions import BackendError
from xpnet.kernels import ACTIVATIONS
from xpnet.network import Network
from xpnet.types import Optimizer

T = TypeVar("T")

SCHEDULES: Mapping[str, Callable[[float, int], Any]] = {
    "cosine": optim.cosine,
    "constant": lambda rate, steps: optim.constant(rate),
}
"""``(rate, steps of the whole training) -> schedule``."""

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


def size(text: str) -> int:
    """Return the number of bytes that a text such as ``500MB`` or ``4 GB`` stands for."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise BadParameter(f"{text!r} is not a size, such as 500MB or 4GB")
    nbytes = int(float(match[1]) * 1000 ** " kmgt".index(match[2].lower() or " "))
    if nbytes < _SMALLEST_SIZE:
        raise BadParameter(f"{text!r} is too little for any data: expected 1kB or more, as 500MB")
    return nbytes


DataSource: TypeAlias = Annotated[
    str,
    Argument(
        metavar="DATA",
        help="digits (built in), a folder of IDX files (as MNIST comes), FILE.npz or FILE.csv.",
        show_default=False,
    ),
]
ModelPath: TypeAlias = Annotated[
    Path, Argument(metavar="MODEL", help="A model that xpnet train saved.", show_default=False)
]

# How a table is read.
Label: TypeAlias = Annotated[
    str | None,
    Option(
        help="Label column of a .csv: name, or number from 0.",
        show_default="the model's, or the last",
    ),
]
Header: TypeAlias = Annotated[
    bool | None,
    Option(
        "--header/--no-header",
        help="Whether the first line of a .csv names its columns.",
        show_default="as in training, or detected",
    ),
]
Delimiter: TypeAlias = Annotated[
    str | None,
    Option(
        help="Separator of the columns of a .csv; 'tab' for a tab.",
        show_default="as in training, or detected: ; , or tab",
        callback=lambda text: "\t" if text in ("tab", r"\t") else text,
    ),
]
KeepIndex: TypeAlias = Annotated[
    bool,
    Option(
        "--keep-index", help="Train on the first column of a .csv even if it only numbers the rows."
    ),
]
MaxMemory: TypeAlias = Annotated[
    int | None,
    Option(
        help="Memory limit for the data, as read and scaled: bytes, 500MB, 4GB.",
        metavar="SIZE",
        parser=size,
        show_default="half of what is free",
    ),
]

# The network and its training.
Hidden: TypeAlias = Annotated[str, Option(help="Units per hidden layer; '' for none.")]
ActivationName: TypeAlias = Annotated[str, Option(help=f"{', '.join(ACTIVATIONS)}.")]
Epochs: TypeAlias = Annotated[int, Option(min=1, help="Passes over the training samples.")]
BatchSize: TypeAlias = Annotated[
    int | None,
    Option(min=1, help="Samples per step.", show_default="64; fewer, down to 16, on small data"),
]
OptimizerName: TypeAlias = Annotated[str, Option(help=f"{', '.join(optim.OPTIMIZERS)}.")]
LearningRate: TypeAlias = Annotated[
    float | None,
    Option(
        help="Learning rate.",
        show_default="the optimiser's: 0.001 for adam",
        callback=number_in("a number above 0", lambda rate: 0 < rate < inf),
    ),
]
ScheduleName: TypeAlias = Annotated[
    str, Option(help=f"{', '.join(SCHEDULES)}: cosine lowers the rate to 0 by the end.")
]
L2: TypeAlias = Annotated[
    float,
    Option(
        help="Penalty on the weights.",
        callback=number_in("a number, 0 or more", lambda l2: 0 <= l2 < inf),
    ),
]
Dropout: TypeAlias = Annotated[
    float,
    Option(
        help="Share of hidden units left out at each step.",
        callback=number_in("a share of units, 0 or more and below 1", lambda p: 0 <= p < 1),
    ),
]
Seed: TypeAlias = Annotated[int, Option(min=0, help="Seed for weights, sample order and dropout.")]
ValidationShare: TypeAlias = Annotated[
    float,
    Option(
        help="Share of the training samples set aside for validation.",
        callback=number_in("a share from 0 to 0.9", lambda share: 0 <= share <= 0.9),
    ),
]
Patience: TypeAlias = Annotated[
    int | None,
    Option(
        min=1,
        help="Stop after this many epochs without a better validation cost; keep the best.",
        show_default="train all epochs",
    ),
]

# The files that a training writes.
SavePath: TypeAlias = Annotated[
    Path | None, Option(help="Model file.", show_default="xpnet-DATA.safetensors")
]
PlotPath: TypeAlias = Annotated[
    Path | None,
    Option(help="Learning curve: .png, .pdf, .svg or .jpg.", show_default="beside the model"),
]
CheckpointPath: TypeAlias = Annotated[
    Path | None, Option(help="Model file written after every epoch.", show_default="none")
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
    Path | None, Option(help="Text file with a line of JSON per epoch.", show_default="none")
]

# Where new arrays are made.
BackendName: TypeAlias = Annotated[
    str | None,
    Option(
        "--backend",
        help=f"{', '.join(name for name in LIBRARIES if not LIBRARIES[name].lazy)} or auto.",
        show_default="XPNET_BACKEND, or numpy",
    ),
]
Device: TypeAlias = Annotated[
    str | None,
    Option(help="cpu, cuda:0, ...", show_default="XPNET_DEVICE, or the backend's first"),
]
DType: TypeAlias = Annotated[
    str | None, Option(help="float32 or float64.", show_default="XPNET_DTYPE, or float32")
]
Threads: TypeAlias = Annotated[
    int | None,
    Option(
        min=1,
        help="Threads on the processor, at the most.",
        show_default="OMP_NUM_THREADS, or its cores",
    ),
]


def check_eager(backend: Backend) -> None:
    """Raise BackendError if `backend` only builds graphs."""
    if LIBRARIES[backend.name].lazy:
        raise BackendError(
            f"this command does not run on {backend.name}: choose another --backend, such as "
            f"numpy; the library's xpnet.value_and_grad takes {backend.name} arrays"
        )


def make_network(n_x: int, hidden: str, n_y: int, activation: str) -> Network:
    """Return a classifier with the hidden layers that a text such as ``512,256`` lists.

    Raises ValueError if `hidden` is not such a list, or `activation` is unknown.
    """
    _one_of("activation", activation, ACTIVATIONS)
    try:
        units = [int(text) for text in hidden.split(",")] if hidden.strip() else []
    except ValueError:
        units = [0]
    if min(units, default=1) < 1:
        raise ValueError(
            f"--hidden is {hidden!r}: expected the units of each hidden layer, such as 512,256, "
            "or '' for none"
        )
    return Network((n_x, *units, n_y), activation, "softmax")


def make_optimizer(name: str, lr: float | None, schedule: str, steps: int) -> Optimizer:
    """Return the optimiser `name`, by default with a learning rate of its own.

    Raises ValueError if `name` or `schedule` is unknown.
    """
    make = _one_of("optimizer", name, optim.OPTIMIZERS).make
    rate = signature(make).parameters["learning_rate"].default if lr is None else lr
    return make(_one_of("schedule", schedule, SCHEDULES)(rate, steps))


def default_batch_size(m: int) -> int:
    """64 samples per step; fewer, down to 16, if an epoch would have less than 80 steps."""
    return max(16, min(64, m // 80))


def _one_of(option: str, name: str, table: Mapping[str, T]) -> T:
    if name not in table:
        raise ValueError(f"--{option} is {name!r}: expected one of {', '.join(table)}")
    return table[name]


def describe_backend(backend: Backend) -> str:
    """Return ``numpy, cpu, float32``."""
    return f"{backend.name}, {backend.device}, {backend.dtype}"


def plural(count: int, noun: str) -> str:
    """Return ``1 epoch``, ``2 epochs``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
