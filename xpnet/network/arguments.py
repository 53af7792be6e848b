"""What the public functions are given: brought into one form, and checked, before any kernel runs.

Loops that pass the same arguments many times come here once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.kernels import _check
from xpnet.network.record import Network
from xpnet.types import Array, Dense, Params

__all__ = [
    "Masks",
    "as_floating",
    "as_params",
    "as_weights",
    "beside",
    "check_batch",
    "check_masks",
    "checked_inputs",
]

Masks: TypeAlias = Sequence[Array | None] | None


def as_params(params: Any) -> Params:
    """`params`, where they come as other sequences of (W, b), as the tuple of `Dense` they are.

    Raises
    ------
    TypeError
        If they are no such thing.
    """
    if type(params) is tuple and params and all(isinstance(layer, Dense) for layer in params):
        return params
    if isinstance(params, Mapping) or not isinstance(params, Sequence) or not params:
        hint = ": xpnet.params_from_dict(params)" if isinstance(params, Mapping) else ""
        raise TypeError(
            f"params is a {type(params).__name__}: expected one pair (W, b) a layer{hint}"
        )
    for number, layer in enumerate(params, 1):
        if not isinstance(layer, tuple | list) or len(layer) != 2:
            raise TypeError(
                f"params holds a {type(layer).__name__} for layer {number}: expected a pair "
                "(W, b), as net.init() makes"
            )
    return tuple(Dense(*layer) for layer in params)


def as_floating(X: Array, params: Params) -> Array:
    """X, cast to the dtype of `params` where it holds integers or booleans."""
    return _cast(X, params, ("bool", "integral"))


def as_weights(sample_weight: Array | None, params: Params) -> Array | None:
    """The weights, cast to the dtype of `params`: few numbers, whose rounding costs nothing."""
    kinds = ("bool", "integral", "real floating")
    return _cast(sample_weight, params, kinds)


def _cast(array: Array | None, params: Params, kinds: tuple[str, ...]) -> Array | None:
    """`array` in the dtype of `params`, if it is of one of these kinds."""
    if array is None:
        return None
    try:
        xp = array_namespace(array, params[0].W)
    except TypeError:
        return array  # no array, or of another library: the checks that follow say so by name
    of_kind = xp.isdtype(array.dtype, kinds)
    return xp.astype(array, params[0].W.dtype, copy=False) if of_kind else array


def beside(l2: Any, like: Array) -> float | Array:
    """`l2` as a Python float, or as an array of the library and dtype of `like`.

    Anything else would promote float32, NumPy's own scalars among it.
    """
    if type(l2) is float:
        return l2
    if isinstance(l2, Real):
        return float(l2)
    if l2.ndim and l2.shape[-2:] != (1, 1):
        raise ValueError(
            f"l2 has shape {tuple(l2.shape)}: expected a number, or (K, 1, 1), one for each "
            "network of a stack"
        )
    xp = array_namespace(like)
    if array_namespace(l2) is xp:
        return xp.astype(l2, like.dtype, copy=False)
    return backend.asarray(l2, like=like)


def checked_inputs(net: Network, params: Params, X: Array) -> tuple[Params, Array]:
    """`params` and `X`, detached, after every check of shape, dtype and place."""
    params = as_params(params)
    _check_there(net, X=X)
    backend.check_together(params=params, X=X)
    _check.check_params(net.sizes, params)
    _check.check_inputs(net.sizes, params, X)
    detached: tuple[Params, Array] = backend.detached((params, X))
    return detached


def check_batch(
    net: Network, params: Params, X: Array, Y: Array, sample_weight: Array | None
) -> tuple[Params, Array, Array, Array | None]:
    """The arguments, detached, after every check of shape, dtype and place."""
    params = as_params(params)
    _check_there(net, X=X, Y=Y)
    backend.check_together(params=params, X=X, Y=Y, sample_weight=sample_weight)
    params, X = checked_inputs(net, params, X)
    _check.check_targets(net.sizes, X, Y, sample_weight)
    Y, sample_weight = backend.detached((Y, sample_weight))
    return params, X, Y, sample_weight


def check_masks(net: Network, X: Array, masks: Masks) -> None:
    """Raise unless `masks` fit the network and lie beside X."""
    if masks is None:
        return
    backend.check_together(X=X, masks=tuple(masks))
    _check.check_masks(net.sizes, X, masks)


def _check_there(net: Network, **arrays: Array) -> None:
    """Raise unless there is a network, and something in the place of each array."""
    if not isinstance(net, Network):
        raise TypeError(
            f"net is a {type(net).__name__}: expected a network, such as xpnet.Network((784, 10))"
        )
    for name, array in arrays.items():
        if array is None:
            raise TypeError(f"{name} is None: expected an array, samples as columns")
