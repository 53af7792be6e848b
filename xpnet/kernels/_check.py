"""Errors of shape and dtype, worded for the person who has to mend them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace

from xpnet.types import Array, Dense, Layer, Params

__all__ = [
    "broadcast",
    "check_costed",
    "check_dense",
    "check_inputs",
    "check_layers",
    "check_masks",
    "check_params",
    "check_precision",
    "check_stacked",
    "check_targets",
    "is_computed",
]


def check_dense(xp: ModuleType, W: Array, b: Array, A_prev: Array) -> None:
    """Raise unless W ``(…, n_out, n_in)``, b ``(…, n_out, 1)`` and A_prev ``(…, n_in, m)`` fit."""
    if W.dtype != A_prev.dtype or b.dtype != W.dtype:
        raise TypeError(
            f"W, b and A_prev must have one dtype, but they have {W.dtype}, {b.dtype} and "
            f"{A_prev.dtype}: cast with xp.astype(A_prev, W.dtype)"
        )
    if not is_computed(xp, W.dtype):
        raise TypeError(f"W, b and A_prev have dtype {W.dtype}: expected float32 or float64")
    if W.shape[-1] != A_prev.shape[-2] or b.shape[-2:] != (W.shape[-2], 1):
        raise ValueError(
            f"W has shape {_shape(W)}, b {_shape(b)} and A_prev {_shape(A_prev)}: expected "
            "(n_out, n_in), (n_out, 1) and (n_in, m), samples as columns"
        )


def check_costed(Z: Array, Y: Array) -> None:
    """Raise unless targets Y ``(…, n_y, m)`` fit the logits Z ``(…, n_y, m)``."""
    if Y.shape[-2:] != Z.shape[-2:]:
        raise ValueError(
            f"Y has shape {_shape(Y)}, but the logits Z have {_shape(Z)}: expected "
            f"{_shape(Z)[-2:]}, one row an output and one column a sample"
        )
    if Y.dtype != Z.dtype:
        raise TypeError(
            f"Y has dtype {Y.dtype}, but the logits Z have {Z.dtype}: cast with "
            "xp.astype(Y, Z.dtype)"
        )


def check_params(sizes: tuple[int, ...], params: Params) -> None:
    """Raise unless `params` has one floating `Dense` for each pair of neighbouring `sizes`."""
    if isinstance(params, Mapping):
        raise TypeError(
            f"params is a {type(params).__name__}: expected one Dense(W, b) a layer, as "
            "xpnet.params_from_dict(params) makes of the keys W1, b1, …"
        )
    if len(params) != len(sizes) - 1:
        raise ValueError(
            f"params has {len(params)} layers, but sizes {sizes} need {len(sizes) - 1}"
        )
    for number, (layer, n_in, n_out) in enumerate(zip(params, sizes, sizes[1:], strict=False), 1):
        if not isinstance(layer, Dense):
            raise TypeError(
                f"params holds a {type(layer).__name__} for layer {number}: expected Dense(W, b)"
            )
        W, b = layer
        if W.ndim < 2 or W.shape[-2:] != (n_out, n_in):
            before = (
                f"layer {number - 1} gives {n_in} units" if number > 1 else f"X has {n_in} rows"
            )
            raise ValueError(
                f"W of layer {number} has shape {_shape(W)}, but {before}: expected {(n_out, n_in)}"
            )
        if b.shape[-2:] != (n_out, 1):
            raise ValueError(
                f"b of layer {number} has shape {_shape(b)}: expected {(n_out, 1)}, one bias a unit"
            )
        _check_floating(f"W of layer {number}", W)
        if b.dtype != W.dtype or W.dtype != params[0].W.dtype:
            raise TypeError(
                f"layer {number} has dtypes {W.dtype} (W) and {b.dtype} (b), but W of layer 1 has "
                f"{params[0].W.dtype}: all parameters must have one dtype"
            )


def check_inputs(sizes: tuple[int, ...], params: Params, X: Array) -> None:
    """Raise unless ``X (..., n_x, m)`` has the network's rows and the dtype of `params`."""
    if X.ndim < 2 or X.shape[-2] != sizes[0]:
        raise ValueError(
            f"X has shape {_shape(X)}: expected ({sizes[0]}, m), as the network's first size "
            f"is {sizes[0]}{_hint_for_inputs(sizes[0], X)}"
        )
    _check_dtype("X", X, params[0].W)


def check_targets(sizes: tuple[int, ...], X: Array, Y: Array, sample_weight: Array | None) -> None:
    """Raise unless Y ``(…, n_y, m)`` and sample_weight ``(…, 1, m)`` fit X ``(…, n_x, m)``."""
    m = X.shape[-1]
    if Y.ndim < 2 or Y.shape[-2:] != (sizes[-1], m):
        raise ValueError(
            f"Y has shape {_shape(Y)}: expected {(sizes[-1], m)}, one row an output and one "
            f"column a sample{_hint_for_targets(sizes[-1], m, Y)}"
        )
    _check_dtype("Y", Y, X)
    if sample_weight is None:
        return
    if sample_weight.ndim < 2 or sample_weight.shape[-2:] != (1, m):
        hint = ": pass sample_weight[None, :]" if _shape(sample_weight) == (m,) else ""
        raise ValueError(
            f"sample_weight has shape {_shape(sample_weight)}: expected {(1, m)}, a weight a "
            f"sample{hint}"
        )
    _check_dtype("sample_weight", sample_weight, X)


def check_masks(sizes: tuple[int, ...], X: Array, masks: Sequence[Array | None] | None) -> None:
    """Raise unless `masks` is None or has a mask ``(…, n_l, m)`` or None for each hidden layer."""
    if masks is None:
        return
    if len(masks) != len(sizes) - 2:
        raise ValueError(
            f"masks has {len(masks)} entries: expected {len(sizes) - 2}, one for each hidden layer"
        )
    for number, (mask, n) in enumerate(zip(masks, sizes[1:], strict=False), 1):
        if mask is None:
            continue
        if mask.shape[-2:] != (n, X.shape[-1]):
            raise ValueError(
                f"the mask of layer {number} has shape {_shape(mask)}: expected "
                f"{(n, X.shape[-1])}, a row a unit and a column a sample"
            )
        _check_dtype(f"masks[{number - 1}]", mask, X)


def check_layers(sizes: tuple[int, ...], X: Array, layers: Sequence[Layer]) -> None:
    """Raise unless `layers` are what a forward pass of X made: one `Layer` for each of params."""
    if not isinstance(layers, Sequence):
        raise TypeError(
            f"layers is a {type(layers).__name__}: expected what xpnet.forward(net, params, X) "
            "returned"
        )
    if len(layers) != len(sizes) - 1 or not all(isinstance(layer, Layer) for layer in layers):
        kinds = ", ".join(type(layer).__name__ for layer in layers)
        raise ValueError(
            f"layers holds {len(layers)} entries ({kinds}): expected the {len(sizes) - 1} of type "
            "Layer that xpnet.forward(net, params, X) returned"
        )
    for number, ((_, A), n) in enumerate(zip(layers, sizes[1:], strict=True), 1):
        if getattr(A, "shape", ())[-2:] != (n, X.shape[-1]):
            raise ValueError(
                f"A of layer {number} in layers has shape {_shape(A)}: expected "
                f"{(n, X.shape[-1])}, what xpnet.forward makes of this X"
            )
        _check_dtype(f"layers[{number - 1}].A", A, X)
    if layers[-1].Z is None:
        raise ValueError(
            "Z of the last of layers is None: expected its logits, as xpnet.forward returns them"
        )


def check_stacked(params: Params, X: Array, **others: Any) -> None:
    """Raise unless the axes before the last two agree: one entry a network of a stack, or none."""
    tensors = [tensor for layer in params for tensor in layer]
    if all(getattr(array, "ndim", 0) <= 2 for array in (*tensors, X, *others.values())):
        return
    names = [f"{name} of layer {n}" for n in range(1, len(params) + 1) for name in "Wb"]
    first, stack = "", _shape(X)[:0]
    for name, array in {**dict(zip(names, tensors, strict=True)), "X": X, **others}.items():
        leading = _shape(array)[:-2] if getattr(array, "ndim", 0) > 2 else ()
        if not broadcast(leading, stack):
            raise ValueError(
                f"{name} has shape {_shape(array)}, but {first} is stacked {stack}: expected the "
                f"same {stack} before its last two axes, one entry a network, or none"
            )
        if math.prod(leading) > math.prod(stack):
            first, stack = name, leading


def broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    pairs = zip(reversed(left), reversed(right), strict=False)
    return all(m == n or 1 in (m, n) for m, n in pairs)


def check_precision(params: Params) -> None:
    """Raise unless the kernels compute in the dtype of `params`; files may hold others."""
    W = params[0].W
    if is_computed(array_namespace(W), W.dtype):
        return
    if not getattr(W.dtype, "isnative", True):
        raise TypeError(
            f"params have dtype {W.dtype}, of another byte order than this machine: cast each "
            "with W.astype(W.dtype.newbyteorder('='))"
        )
    raise TypeError(
        f"params have dtype {W.dtype}: expected float32 or float64; make them with "
        "net.init(dtype='float32'), or cast each with xp.astype(W, xp.float32)"
    )


@cache
def is_computed(xp: ModuleType, dtype: Any) -> bool:
    """Whether the kernels compute in `dtype`, in this machine's byte order."""
    return dtype in (xp.float32, xp.float64)


@cache
def _is_floating(xp: ModuleType, dtype: Any) -> bool:
    return bool(xp.isdtype(dtype, "real floating"))


def _check_floating(name: str, array: Array) -> None:
    if not _is_floating(array_namespace(array), array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}: expected float32 or float64")


def _check_dtype(name: str, array: Array, like: Array) -> None:
    if array.dtype != like.dtype:
        xp = array_namespace(array)
        advice = ""
        if xp.isdtype(array.dtype, ("bool", "integral")):
            advice = ", or let fit and predict do it"
        elif name == "X" and is_computed(xp, array.dtype):
            advice = ", or make the parameters with net.init(like=X)"
        raise TypeError(
            f"{name} has dtype {array.dtype}, but the kernels were given {like.dtype} beside it: "
            f"cast with xp.astype({name}, params[0].W.dtype){advice}"
        )


def _hint_for_inputs(n_x: int, X: Array) -> str:
    """What to do with samples as rows, or one sample alone."""
    if _shape(X) == (n_x,):
        return ": pass one sample as X[:, None]"
    return "; samples are columns: pass X.T" if X.ndim >= 2 and X.shape[-1] == n_x else ""


def _hint_for_targets(n_y: int, m: int, Y: Array) -> str:
    """What to do with targets that are labels, or samples as rows."""
    if _shape(Y) == (m, n_y):
        return "; samples are columns: pass Y.T"
    if Y.ndim != 1:
        return ""
    if n_y == 1:
        return ": pass Y[None, :]"
    return "; of labels y on the host, xpnet.data.Classes.of(y).encode(y).T makes one-hot columns"


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(getattr(array, "shape", ()))
