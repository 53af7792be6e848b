"""Checkpoint files: a model file that also holds how its training stood, under a checksum.

The state is a tree of dicts, lists, tuples, parameters, arrays, texts, numbers and None. Its arrays
are tensors of the file, each of them once, and the rest is JSON in which ``{"$": kind, "of": …}``
stands for what JSON has not. What is read is to the bit what was written; nothing in it is ever
run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

from xpnet import backend
from xpnet.exceptions import ModelFileError, one_line
from xpnet.network import Network
from xpnet.persist.model import load, save
from xpnet.types import LAYER_KINDS, Array, Params, map_params, tensors

_FORMAT = 1
_RECORDS = {kind.__name__: kind for kind in LAYER_KINDS}
_KIND = "$"
_HASHED_AT_ONCE = 2**22
"""Numbers of a device's array that are brought to the host at a time."""


def save_checkpoint(
    path: Path, net: Network, params: Params, state: Mapping[str, Any], metadata: Mapping[str, Any]
) -> None:
    """Write the model, `metadata` and `state` whole or not at all; raises as `xpnet.save`.

    Raises
    ------
    TypeError
        Where `state` holds what is not of its kinds.
    """
    encoder, host = _Encoder(params), map_params(backend.to_numpy, params)
    run = json.dumps({"format": _FORMAT, "state": encoder.encoded(state)}, allow_nan=False)
    # Names that are no identifiers: metadata of the user's cannot have them.
    entries = {**metadata, **encoder.arrays, "run:state": run}
    seal = _seal(net, _by_name(host), entries)
    save(path, net, host, allow_nonfinite=True, **entries, **{"run:seal": seal})


def load_checkpoint(path: Path, place: Callable[[np.ndarray], Array]) -> dict[str, Any]:
    """The state in the file at `path`, with `place` of each array that was not NumPy's.

    Raises ModelFileError where it is damaged, is no checkpoint, or is of a newer format.
    """
    net, params, entries = load(path, xp="numpy", allow_nonfinite=True)
    seal, run = entries.pop("run:seal", None), entries.get("run:state")
    if not isinstance(run, str):
        raise ModelFileError(f"{path} is a model, but no checkpoint: xpnet.load reads it")
    host = _by_name(params)
    try:
        if seal != _seal(net, host, entries):
            raise ModelFileError(f"{path} is damaged: its checksum is not that of what it holds")
        record = json.loads(run)
        if record["format"] > _FORMAT:
            raise ModelFileError(f"{path} is of a newer xpnet: pip install -U xpnet")
        state: dict[str, Any] = _Decoder(host | entries, place).decoded(record["state"])
    except ModelFileError:
        raise
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({one_line(error)})") from error
    return state


def fingerprint(array: Array) -> str:
    """Dtype, shape and the SHA-256 of all bytes of an array, its first axis in blocks."""
    digest, m = sha256(), array.shape[0]
    rows = max(1, _HASHED_AT_ONCE * m // max(1, math.prod(array.shape)))
    for start in range(0, m, rows):
        block = array[start : min(start + rows, m), ...]
        digest.update(_bytes_of(backend.to_numpy(block)))
    dtype = str(array.dtype).rpartition(".")[-1]
    return f"{dtype} {tuple(array.shape)}, sha256 {digest.hexdigest()[:16]}"


def _by_name(params: Params) -> dict[str, Array]:
    """The tensors of a model by the names that they have in its file."""
    names = (f"{name}{i}" for i, layer in enumerate(params, 1) for name in layer._fields)
    return dict(zip(names, tensors(params), strict=True))


def _seal(net: Network, host: Mapping[str, np.ndarray], entries: Mapping[str, Any]) -> str:
    """The checksum of network, tensors and entries, whatever their order."""
    arrays = {name: value for name, value in entries.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in entries.items() if name not in arrays}
    network = net.sizes, net.hidden, net.output
    digest = sha256(json.dumps([network, rest], sort_keys=True, default=_plain).encode())
    for name, array in sorted({**host, **arrays}.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(_bytes_of(array))
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _bytes_of(array: np.ndarray) -> Any:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


class _Encoder:
    """Takes the arrays out of a tree: `arrays` by name; those of `params` the file has anyway."""

    def __init__(self, params: Params) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._names = {id(array): name for name, array in _by_name(params).items()}
        self._numbers = count()

    def encoded(self, value: Any) -> Any:
        """`value` as JSON."""
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, np.generic):
            return self.encoded(value.item())
        if isinstance(value, float):
            return value if math.isfinite(value) else _kind("float", str(value))
        if isinstance(value, Mapping):
            return self._dict(value)
        if isinstance(value, list):
            return [self.encoded(entry) for entry in value]
        if isinstance(value, tuple):
            name = type(value).__name__ if type(value) in LAYER_KINDS else "tuple"
            return _kind(name, [self.encoded(entry) for entry in value])
        if is_array_api_obj(value):
            return self._array(value)
        raise TypeError(
            f"a checkpoint cannot hold a {type(value).__name__}: expected numbers, text, None, "
            "arrays, parameters, and dicts, lists and tuples of them"
        )

    def _dict(self, value: Mapping[Any, Any]) -> Any:
        for key in value:
            if not isinstance(key, str) or key == _KIND:
                raise TypeError(
                    f"a checkpoint cannot hold a dict with the key {key!r}: expected text"
                )
        return {key: self.encoded(entry) for key, entry in value.items()}

    def _array(self, array: Array) -> Any:
        name = self._names.get(id(array))
        host = backend.to_numpy(array)
        if name is None:
            name = self._names[id(array)] = f"run:{next(self._numbers)}"
            self.arrays[name] = host
        # The order in memory decides by which of its ways a library multiplies.
        by_columns = host.ndim > 1 and not host.flags.c_contiguous and host.mT.flags.c_contiguous
        order = "columns" if by_columns else "rows"
        return _kind(order, name) | {"host": isinstance(array, np.ndarray)}


class _Decoder:
    """Puts `arrays` back into a tree, each of them placed once."""

    def __init__(self, arrays: Mapping[str, Any], place: Callable[[np.ndarray], Array]) -> None:
        self.arrays, self.place = arrays, place
        self._found: dict[tuple[str, str], Array] = {}

    def decoded(self, value: Any) -> Any:
        """What `value` was before it was JSON."""
        if isinstance(value, list):
            return [self.decoded(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        if _KIND not in value:
            return {key: self.decoded(entry) for key, entry in value.items()}
        kind, of = value[_KIND], value["of"]
        if kind == "float":
            return float(of)
        if kind in ("rows", "columns"):
            return self._array(kind, of, value["host"])
        entries: Iterable[Any] = map(self.decoded, of)
        return tuple(entries) if kind == "tuple" else _RECORDS[kind](*entries)

    def _array(self, order: str, name: str, host: bool) -> Array:
        if (order, name) not in self._found:
            array = self.arrays[name]
            if order == "columns":
                array = np.ascontiguousarray(array.mT).mT
            self._found[order, name] = array if host else self.place(array)
        return self._found[order, name]


def _kind(name: str, of: Any) -> dict[str, Any]:
    return {_KIND: name, "of": of}
