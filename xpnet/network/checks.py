"""Checks of shapes, dtypes and values: errors that say what was expected and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj

from xpnet import backend
from xpnet.kernels import OUTPUTS
from xpnet.kernels.dense import is_computed
from xpnet.types import LAYER_KINDS, Array, Layer, Params, tensors

SLACK = 1e-6  # of an end: probabilities computed in float32 pass it by a few roundings
SUM_SLACK = 5e-3  # of a column's sum, for each output: probabilities written with two decimals


def check_params(sizes: tuple[int, ...], params: Params) -> None:
    """Raise unless `params` are of floating layers between neighbouring `sizes`."""
    if len(params) != len(sizes) - 1:
        raise ValueError(
            f"params has {len(params)} layers, but sizes {sizes} need {len(sizes) - 1}"
        )
    dtype = params[0][0].dtype
    if not _is_floating(array_namespace(params[0][0]), dtype):
        raise TypeError(f"W of layer 1 has dtype {dtype}: expected float32 or float64")
    for number, (layer, n_in, n_out) in enumerate(zip(params, sizes, sizes[1:], strict=False), 1):
        shapes = LAYER_KINDS[type(layer)].shapes(n_in, n_out)
        for name, array, shape in zip(layer._fields, layer, shapes, strict=True):
            if array.shape[-len(shape) :] != shape:
                before = (
                    f"layer {number - 1} gives {n_in} units" if number > 1 else f"X has {n_in} rows"
                )
                raise ValueError(
                    f"{name} of layer {number} has shape {_shape(array)}"
                    f"{f', but {before}' if array is layer[0] else ''}: expected {shape}"
                )
            if array.dtype != dtype:
                raise TypeError(
                    f"{name} of layer {number} has dtype {array.dtype}, but W of layer 1 has "
                    f"{dtype}: all parameters must have one dtype"
                )


def check_precision(params: Params) -> None:
    """Raise unless the kernels compute in the dtype of `params`; files may hold others."""
    W = params[0][0]
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


def check_inputs(sizes: tuple[int, ...], params: Params, X: Array) -> None:
    """Raise unless ``X (..., n_x, m)`` has the network's rows and the dtype of `params`."""
    if X.ndim < 2 or X.shape[-2] != sizes[0]:
        raise ValueError(
            f"X has shape {_shape(X)}: expected ({sizes[0]}, m), as the network's first size "
            f"is {sizes[0]}{_hint_for_inputs(sizes[0], X)}"
        )
    _check_dtype("X", X, params[0][0])


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
        given = _shape(sample_weight)
        hint = ": pass sample_weight[None, :]" if given == (m,) else ""
        if len(given) == 2 and given[1] == m:
            hint = ", for each network of a stack: pass sample_weight[:, None, :]"
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


def check_stacked(params: Params, *, fixed: bool = False, **arrays: Any) -> None:
    """Raise unless the axes before the last two agree: one entry a network of a stack, or none.

    `fixed` says that `arrays` may not be of more networks than `params`, as in a training, which
    has to stay of as many. What is no array counts for all networks.
    """
    found = tensors(params)
    if all(getattr(array, "ndim", 0) <= 2 for array in (*found, *arrays.values())):
        return
    names = [f"{name} of layer {n}" for n, layer in enumerate(params, 1) for name in layer._fields]
    first, stack = "", _shape(None)
    for name, array in {**dict(zip(names, found, strict=True)), **arrays}.items():
        leading = _shape(array)[:-2] if getattr(array, "ndim", 0) > 2 else ()
        if fixed and name in arrays and len(leading) > len(stack):
            networks = f"a stack {stack}" if stack else "one network"
            raise ValueError(
                f"{name} has shape {_shape(array)}, but params are of {networks}: expected "
                "as many networks everywhere, or one for all; xpnet stacks (K, n_out, n_in)"
            )
        if not _broadcast(leading, stack):
            raise ValueError(
                f"{name} has shape {_shape(array)}, but {first} is stacked {stack}: expected "
                f"the same {stack} before its last two axes, one entry a network, or none"
            )
        if (math.prod(leading), len(leading)) > (math.prod(stack), len(stack)):
            first, stack = name, leading


def _broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    pairs = zip(reversed(left), reversed(right), strict=False)
    return all(m == n or 1 in (m, n) for m, n in pairs)


def check_values(
    output: str,
    Y: Array,
    sample_weight: Array | None,
    l2: float | Array,
    readable: Callable[[Array], bool],
) -> None:
    """Raise unless targets, weights and penalties are in range. Waits for a device once.

    Their shapes are checked already. Only the arrays that are `readable` are looked at.
    """
    watched = {"Y": Y, "sample_weight": sample_weight, "l2": None if type(l2) is float else l2}
    known = {name: backend.near(a) for name, a in watched.items() if a is not None and readable(a)}
    if OUTPUTS[output].exclusive and "Y" in known:
        known["sums"] = _sums(known["Y"], known.get("sample_weight"))
    if not OUTPUTS[output].targets.between and "Y" in known:
        known["distances"] = _distances(output, known["Y"])
    ends = _ends(known)
    if "Y" in ends:
        if not all(map(math.isfinite, ends["Y"])):
            check_finite("Y", Y, "output")
        _check_targets(output, *ends["Y"])
    if "distances" in ends:
        _check_distances(output, *ends["distances"])
    if "sums" in ends:
        _check_sums(output, min(0.5, Y.shape[-2] * SUM_SLACK), *ends["sums"])
    for name in ("sample_weight", "l2"):
        _check_weights(name, *ends.get(name, (0.0, 0.0)))


def check_rate(rate: float | Array, readable: Callable[[Array], bool]) -> None:
    """Raise unless a learning rate that is an array is 0 or more, and finite, where it is read."""
    if is_array_api_obj(rate) and readable(rate):
        _check_weights("learning_rate", *_ends({"rate": rate})["rate"])


def check_finite(name: str, array: Array, row: str) -> None:
    """Raise ValueError if an array of samples ``(..., n, m)`` holds NaN or infinity; reads it.

    `row` is what a row of it is: a feature or an output.
    """
    xp = array_namespace(array)
    bad = xp.reshape(xp.any(~xp.isfinite(array), axis=-2), (-1, array.shape[-1]))
    bad = xp.astype(xp.any(bad, axis=0), xp.int32)
    if not int(xp.max(bad)):
        return
    sample = int(xp.argmax(bad))
    values = backend.to_numpy(array[..., sample]).reshape(-1).tolist()
    index, value = next((i, v) for i, v in enumerate(values) if not math.isfinite(v))
    raise ValueError(
        f"{name} holds {value} at {row} {index % array.shape[-2]} of sample {sample} (counted from "
        "0): expected finite numbers; fill such entries in, or leave those samples out"
    )


def _sums(Y: Array, sample_weight: Array | None) -> Array:
    """The sum of each column; 1 where a sample weighs nothing, as one that fills a batch up."""
    xp = array_namespace(Y)
    sums = xp.sum(Y, axis=-2, keepdims=True)
    if sample_weight is None:
        return sums
    return xp.where(sample_weight == 0, xp.ones_like(sums), sums)


def _distances(output: str, Y: Array) -> Array:
    """Of each target from the nearer end of its range."""
    xp = array_namespace(Y)
    least, most, *_ = OUTPUTS[output].targets
    return xp.minimum(xp.abs(Y - least), xp.abs(Y - most))


def _ends(arrays: dict[str, Array]) -> dict[str, tuple[float, float]]:
    """The smallest and the largest number of each array, or NaN; of none where it is empty."""
    arrays = {name: array for name, array in arrays.items() if 0 not in array.shape}
    return dict(zip(arrays, backend.ends(list(arrays.values())), strict=True))


def _check_targets(output: str, lowest: float, highest: float) -> None:
    least, most, expected, _ = OUTPUTS[output].targets
    if not (least - SLACK <= lowest and highest <= most + SLACK):
        raise ValueError(
            f"Y holds targets from {lowest:.9g} to {highest:.9g}: expected {expected}, as the "
            f"network's output is {output!r}; output='identity' takes any numbers"
        )


def _check_distances(output: str, lowest: float, highest: float) -> None:
    if highest > SLACK:
        raise ValueError(
            f"Y holds a target {highest:.9g} away from the nearer of 0 and 1: expected "
            f"{OUTPUTS[output].targets.words}, as the network's output is {output!r}; "
            "output='sigmoid' takes all numbers from 0 to 1"
        )


def _check_sums(output: str, slack: float, lowest: float, highest: float) -> None:
    if not (lowest >= 1.0 - slack and highest <= 1.0 + slack):
        raise ValueError(
            f"Y has columns with sums from {lowest:g} to {highest:g}: expected 1, as the network's "
            f"output is {output!r}. Divide by Y.sum(axis=0); give samples of no class a weight of "
            "0; classes that do not exclude one another need output='sigmoid'"
        )


def _check_weights(name: str, lowest: float, highest: float) -> None:
    if not (lowest >= 0.0 and highest < math.inf):
        raise ValueError(
            f"{name} holds numbers from {lowest:g} to {highest:g}: expected 0 or more, and finite"
        )


@cache
def _is_floating(xp: ModuleType, dtype: Any) -> bool:
    return bool(xp.isdtype(dtype, "real floating"))


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
