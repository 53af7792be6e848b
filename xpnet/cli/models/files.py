"""Model files: a network, its preprocessing and the table's columns, saved, loaded and checked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from xpnet import __version__, backend, persist
from xpnet.cli.models.runs import newest_checkpoint
from xpnet.cli.training.encoding import Encoding, read_encoding
from xpnet.cli.training.networks import LOSSES
from xpnet.cli.training.preprocessing import Preprocessing
from xpnet.cli.training.splits import Shares, Split
from xpnet.data import Classes, Columns, Dataset, Quantities, Scaling
from xpnet.data.csv.decimal import MARKS
from xpnet.data.csv.table import is_delimiter
from xpnet.exceptions import ModelFileError, one_line
from xpnet.network import Network
from xpnet.types import Params, map_params

_INTEGERS = range(-(2**63), 2**64)
"""Whole numbers that an array holds."""


class ModelFile(NamedTuple):
    """The path of a model to be trained, its network, and the metadata saved with it."""

    path: Path
    net: Network
    metadata: dict[str, Any]

    @classmethod
    def of(
        cls, path: Path, net: Network, split: Split, dataset: Dataset, settings: Mapping[str, Any]
    ) -> ModelFile:
        """Return the file at `path` for `net`, trained on `split` of `dataset` by `settings`."""
        columns = dataset.columns
        scaling, targets, encoding = split.preprocessing
        metadata = {
            "scaling_shift": scaling.shift,
            "scaling_scale": scaling.scale,
            **_kept(targets),
            "trained_on": split.fingerprint,
            "shares": split.shares._asdict(),
            "data": dataset.name,
            "settings": dict(settings),
            "xpnet": __version__,
            "date": date.today().isoformat(),
            "columns": None if columns is None else _kept_columns(columns),
            **({} if encoding is None else encoding.metadata()),
        }
        return cls(path, net, metadata)

    def save(self, params: Params) -> None:
        """Save `params`, whole or not at all."""
        persist.save(self.path, self.net, params, **self.metadata)


class Model(NamedTuple):
    """A loaded model, with the fingerprint and the table's columns of its training data."""

    net: Network
    params: Params
    preprocessing: Preprocessing
    trained_on: str | None
    shares: Shares
    columns: Columns | None
    metadata: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> Model:
        """Return the model in `path`, its parameters on the default backend and of its dtype.

        Of a folder, that of its newest checkpoint, with the history until then, and with the best
        epoch's parameters where patience keeps them.

        Raises ModelFileError if the file is not a model, or not one that ``xpnet train`` saved.
        """
        progress: dict[str, Any] = {}
        best: Params | None = None
        if path.is_dir():
            path, progress, best = newest_checkpoint(path)
        net, params, metadata = persist.load(path)
        if isinstance(metadata.get("training"), dict):
            metadata["training"] |= progress
        columns = _columns(metadata, str(path))
        preprocessing = _preprocessing(metadata, net, columns, str(path))
        cast = map_params(backend.asarray, params if best is None else best)
        trained_on = _trained_on(metadata, str(path))
        shares = _shares(metadata, str(path))
        return cls(net, cast, preprocessing, trained_on, shares, columns, metadata)


def _kept(targets: Classes | Quantities) -> dict[str, Any]:
    """Return the metadata from which `_targets` makes `targets` again."""
    if isinstance(targets, Classes):
        return {"classes": list(targets.labels)}
    return {"target_shift": targets.shift, "target_scale": targets.scale}


def _kept_columns(columns: Columns) -> dict[str, Any]:
    """Return the entries of `columns`, but empty ones, which a former version may not know."""
    entries = columns._asdict().items()
    kept = ("names", "header", "delimiter")
    return {name: value for name, value in entries if value not in ((), None) or name in kept}


def _preprocessing(
    metadata: Mapping[str, Any], net: Network, columns: Columns | None, file: str
) -> Preprocessing:
    shift = _numbers(metadata, "scaling_shift", file)
    scale = _numbers(metadata, "scaling_scale", file)
    targets = _targets(metadata, net, file)
    n_y, output = 1, net.output
    if isinstance(targets, Classes):
        n_y, output = len(targets.labels), "softmax"
    found = (np.shape(shift), np.shape(scale), n_y, net.output)
    expected = ((net.sizes[0],), (net.sizes[0],), net.sizes[-1], output)
    if found != expected:
        raise ModelFileError(
            f"{file} has shift, scale, classes and output {found}: expected {expected} for "
            f"sizes {one_line(net.sizes)}; train and save the model again"
        )
    return Preprocessing(Scaling(shift, scale), targets, _encoding(metadata, columns, net, file))


def _encoding(
    metadata: Mapping[str, Any], columns: Columns | None, net: Network, file: str
) -> Encoding | None:
    try:
        encoding = read_encoding(metadata, columns)
    except ValueError as error:
        name, _, expected = str(error).partition(": expected ")
        _refuse(file, name, metadata.get(name), expected)
    if encoding is None and columns is not None and columns.words:
        _entry(metadata, "one_hot", file)
    if encoding is not None and len(encoding.is_number()) != net.sizes[0]:
        _refuse(file, "one_hot", metadata["one_hot"], f"{net.sizes[0]} inputs in all")
    return encoding


def _targets(metadata: Mapping[str, Any], net: Network, file: str) -> Classes | Quantities:
    if net.output not in LOSSES.values() or "classes" in metadata:
        return Classes(_classes(metadata, file))
    shift, scale = (
        _numbers(metadata, name, file).tolist() for name in ("target_shift", "target_scale")
    )
    if not (isinstance(shift, float) and isinstance(scale, float) and scale > 0):
        _refuse(file, "target_shift and _scale", (shift, scale), "two numbers, a scale above 0")
    return Quantities(shift, scale)


def _numbers(metadata: Mapping[str, Any], name: str, file: str) -> np.ndarray:
    found = _entry(metadata, name, file)
    with suppress(ValueError):  # Lists of lists of different lengths.
        numbers = np.asarray(found)
        if numbers.dtype.kind in "iuf" and np.isfinite(numbers).all():
            return numbers
    _refuse(file, name, found, "an array of finite numbers")


def _classes(metadata: Mapping[str, Any], file: str) -> tuple[str, ...] | tuple[int, ...]:
    """Return the labels of the outputs: all texts or all whole numbers, none twice."""
    found = _entry(metadata, "classes", file)
    found = found.tolist() if isinstance(found, np.ndarray) else found
    labels = tuple(found) if isinstance(found, list) else ()
    numbers = all(type(label) is int and label in _INTEGERS for label in labels)
    if not labels or not (numbers or all(map(_is_text, labels))) or len(set(labels)) < len(labels):
        _refuse(file, "classes", found, "a list of labels, all texts or all whole numbers")
    return labels


def _columns(metadata: Mapping[str, Any], file: str) -> Columns | None:
    found = metadata.get("columns")
    if found is None:
        return None
    try:
        columns = Columns(**found)
    except TypeError:
        _refuse(file, "columns", found, f"the entries {', '.join(Columns._fields)}")
    if not _are_valid(columns):
        _refuse(file, "columns", found, "names, the label's place among them, and true or false")
    return columns._replace(
        names=tuple(columns.names),
        dropped=tuple(columns.dropped),
        words=tuple(of and tuple(of) for of in columns.words),
    )


def _are_valid(columns: Columns) -> bool:
    names, label, delimiter = columns.names, columns.label, columns.delimiter
    return (
        isinstance(names, list)
        and all(map(_is_text, names))
        and type(label) is int
        and label in range(len(names))
        and len(names) > 1
        and isinstance(columns.named, bool)
        and isinstance(columns.indexed, bool)
        and isinstance(columns.header, bool | None)
        and (delimiter is None or (_is_text(delimiter) and is_delimiter(delimiter)))
        and columns.decimal in (None, *MARKS)
        and (columns.encoding is None or _is_text(columns.encoding))
        and _are_texts(columns.dropped)
        and _are_words(columns)
    )


def _are_texts(found: Any) -> bool:
    return isinstance(found, list | tuple) and all(map(_is_text, found))


def _are_words(columns: Columns) -> bool:
    """Whether there are texts or None for each feature, or nothing at all."""
    words = columns.words
    if not isinstance(words, list | tuple) or not all(
        of is None or (_are_texts(of) and of) for of in words
    ):
        return False
    return len(words) in (0, len(columns.features))


def _trained_on(metadata: Mapping[str, Any], file: str) -> str | None:
    found = metadata.get("trained_on")
    if found is not None and not isinstance(found, str):
        _refuse(file, "trained_on", found, "text")
    return found


def _shares(metadata: Mapping[str, Any], file: str) -> Shares:
    """Return how the data were split; a former version always did so in the same way."""
    found = metadata.get("shares", {})
    try:
        shares = Shares(**found)
        if 0 < shares.test < 1 and type(shares.seed) is int and shares.seed >= 0:
            return shares
    except TypeError:
        pass  # Other names, or no numbers.
    _refuse(file, "shares", found, "test, a share between 0 and 1, and seed, a whole number")


def _is_text(value: Any) -> bool:
    """Whether `value` is a text that can be written: JSON's may hold halves of characters."""
    return isinstance(value, str) and value == value.encode(errors="ignore").decode()


def _entry(metadata: Mapping[str, Any], name: str, file: str) -> Any:
    if name not in metadata:
        raise ModelFileError(
            f"{file} has no {name}: expected a classifier that xpnet train saved, with its "
            "scaling and classes, or a regression"
        )
    return metadata[name]


def _refuse(file: str, name: str, found: Any, expected: str) -> NoReturn:
    raise ModelFileError(
        f"{file} has {name} {one_line(repr(found))}: expected {expected}; train and save the model "
        "again"
    )
