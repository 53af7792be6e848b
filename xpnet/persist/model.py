"""Model files: a network, its parameters and metadata in one safetensors file.

The tensors are ``W1, b1, …, WL, bL`` and ``metadata.NAME`` for each metadata entry that is an
array; the header holds the rest (see `xpnet.persist.header`). Nothing in the file is ever run.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from xpnet import backend
from xpnet.exceptions import ModelFileError, NotFiniteError, one_line
from xpnet.init import params_to_dict
from xpnet.network import Network
from xpnet.network.checks import check_params
from xpnet.persist.atomic import write_whole
from xpnet.persist.header import from_header, to_header
from xpnet.types import Dense, Params, as_params, map_params

_METADATA = "metadata."

_FLOATS = ("float16", "float32", "float64")


def save(
    path: str | PathLike[str],
    net: Network,
    params: Params,
    *,
    allow_nonfinite: bool = False,
    **metadata: Any,
) -> None:
    """Save a network, or a stack of them, so that a crash never leaves half a file.

    Parameters
    ----------
    path : str or path
        Any file that is there is replaced, once the new one is complete on the disk.
    net : Network
    params : Params
        ``W (..., n_out, n_in)`` and ``b (..., n_out, 1)`` of any library, on any device.
    allow_nonfinite : bool, default False
        Save a model that cannot predict all the same: with weights that are NaN or infinite.
    **metadata
        JSON values (tuples come back as lists) or NumPy arrays of numbers. ``scaling_shift`` and
        ``scaling_scale`` are what samples were scaled by: finite, and a scale that is not 0.

    Raises
    ------
    ModelFileError
        Where the folder does not exist or `path` is itself a folder.
    NotFiniteError
        A ValueError, where `params` are not finite.
    ValueError, TypeError
        Where `params` do not fit `net`, or metadata cannot be stored.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net is a {type(net).__name__}: expected save(path, net, params)")
    target = _as_path(path)
    params = as_params(params)
    check_params(net.sizes, params)
    params = _on_host(params)
    if not allow_nonfinite:
        _check_saved(params, metadata)
    arrays = {name: value for name, value in metadata.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in metadata.items() if name not in arrays}
    tensors = params_to_dict(params) | {
        _METADATA + name: _numeric(name, arrays[name]) for name in arrays
    }
    # safetensors would write the memory of a transposed view in its own order.
    in_order = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    write_whole(target, to_safetensors(in_order, metadata=to_header(net, rest)))


def load(
    path: str | PathLike[str],
    *,
    xp: str | ModuleType | None = None,
    device: str | None = None,
    allow_nonfinite: bool = False,
) -> tuple[Network, Params, dict[str, Any]]:
    """Load what `save` saved.

    Parameters
    ----------
    path : str or path
    xp : str or array namespace, optional
        Library to load the parameters into; the default backend's if left out.
    device : str, optional
    allow_nonfinite : bool, default False
        Load a model that was saved so, too.

    Returns
    -------
    net : Network
    params : Params
        Of the dtype that was saved, float16 too.
    metadata : dict
        Arrays as NumPy arrays.

    Raises
    ------
    ModelFileError
        Where the file is missing, truncated, not ours, of a newer format, its tensors do not fit
        its network, or its weights are not finite.
    BackendError
        Where the library or device is not available.
    """
    target = backend.resolve(xp, device=device)
    header, tensors = _read(_as_path(path))
    net, metadata = from_header(header, str(path))
    params = _params(net, tensors, str(path))
    metadata |= {
        name.removeprefix(_METADATA): tensor
        for name, tensor in tensors.items()
        if name.startswith(_METADATA)
    }
    if not allow_nonfinite:
        _check_loaded(params, metadata, str(path))
    return net, backend.to_device(params, target), metadata


def _as_path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"path is {path!r}: expected a file's name, as text or a Path") from None


def _on_host(params: Params) -> Params:
    """`params` as NumPy arrays, of a dtype that a file can hold."""
    on_host = map_params(backend.to_numpy, params)
    if on_host[0][0].dtype.name not in _FLOATS:
        raise TypeError(
            f"W of layer 1 has dtype {on_host[0][0].dtype}: expected float32 or float64; cast with "
            "astype"
        )
    return on_host


def _check_saved(params: Params, metadata: Mapping[str, Any]) -> None:
    try:
        _check_finite(params, metadata)
    except ValueError as error:
        raise type(error)(f"{error}; allow_nonfinite=True saves them all the same") from None


def _check_loaded(params: Params, metadata: Mapping[str, Any], where: str) -> None:
    try:
        _check_finite(params, metadata)
    except ValueError as error:
        raise ModelFileError(
            f"{where}: {error}; train it again, or look into it with allow_nonfinite=True"
        ) from error


def _check_finite(params: Params, metadata: Mapping[str, Any]) -> None:
    """Raise unless host `params` are finite, and the scaling in `metadata` applies.

    A scaling is what turns samples into inputs, ``(X - scaling_shift) / scaling_scale``.

    Raises NotFiniteError for `params`, ValueError for the scaling.
    """
    for number, layer in enumerate(params, 1):
        for name, array in zip(layer._fields, layer, strict=True):
            wrong = array.size - np.count_nonzero(np.isfinite(array))
            if wrong:
                entries = "1 entry that is" if wrong == 1 else f"{wrong} entries that are"
                raise NotFiniteError(
                    f"{name} of layer {number} holds {entries} NaN or infinite: expected finite "
                    "numbers, as a training has that did not diverge"
                )
    for name in ("scaling_shift", "scaling_scale"):
        _check_scaling(name, np.asarray(metadata.get(name, 1.0)))


def _check_scaling(name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in "biuf":
        return
    wrong = ~np.isfinite(array)
    if name == "scaling_scale":
        wrong |= array == 0
    if wrong.any():
        position = int(np.argmax(wrong))
        raise ValueError(
            f"{name} holds {array.flat[position]} at {position}: expected finite numbers, and a "
            "scale that is not 0"
        )


def _numeric(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biu" and array.dtype.name not in _FLOATS:
        raise TypeError(
            f"metadata {name} is an array of {array.dtype}: expected numbers of 64 bits at most; "
            f"pass text as a list, {name}={name}.tolist()"
        )
    return array


def _read(path: Path) -> tuple[Mapping[str, str], dict[str, np.ndarray]]:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing there"
        raise ModelFileError(f"cannot load {path}: expected a model file, found {found}")
    try:
        with safe_open(path, framework="np") as file:
            names = file.keys()
            _check_types({name: file.get_slice(name).get_dtype() for name in names}, path)
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except ModelFileError:
        raise
    except (SafetensorError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"{path} cannot be read ({one_line(error)}): it is truncated or not a safetensors "
            "file; expected a model that xpnet saved"
        ) from error


def _check_types(types: Mapping[str, str], path: Path) -> None:
    for name, kind in types.items():
        if kind.startswith(("BF", "F4", "F6_", "F8")):
            raise ModelFileError(
                f"{path} has a tensor {one_line(name)} of {kind}, which NumPy does not have: "
                "expected float32 or float64; cast it where it was made and save the model again"
            )


def _params(net: Network, tensors: Mapping[str, np.ndarray], where: str) -> Params:
    try:
        params = tuple(
            Dense(tensors[f"W{number}"], tensors[f"b{number}"])
            for number in range(1, len(net.sizes))
        )
        check_params(net.sizes, params)
    except KeyError as error:
        raise ModelFileError(
            f"{where} has no tensor {error.args[0]}: expected W1, b1 to W{len(net.sizes) - 1}, "
            f"b{len(net.sizes) - 1} for sizes {one_line(net.sizes)}; save the model again"
        ) from error
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"{where} does not fit its own header: {one_line(error)}") from error
    return params
