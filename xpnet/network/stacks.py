"""Stacks: K networks as one, whose arrays have a leading axis."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.network.checks import check_stacked
from xpnet.types import Array, Params, as_params, map_params, tensors


def stack(params_list: Iterable[Params]) -> Params:
    """One stack of the parameters of K networks.

    Every function of xpnet takes it as it takes one network, and gives K costs, K predictions.

    Parameters
    ----------
    params_list : iterable of Params
        One or more, of the same layers, shapes and dtype, on one device.

    Returns
    -------
    Params
        New arrays with a leading axis of K: ``W (K, ..., n_out, n_in)``, ``b (K, ..., n_out, 1)``.

    Raises
    ------
    ValueError
        If there are none, or a member has other shapes than the first.
    TypeError
        If they are no list, or a member is no Params, or of another dtype, library or device than
        the first.

    See Also
    --------
    unstack : The other way.

    Examples
    --------
    >>> import xpnet
    >>> net = xpnet.Network((4, 3, 1))
    >>> stack([net.init(seed) for seed in range(5)])[0].W.shape
    (5, 3, 4)
    """
    if not isinstance(params_list, Iterable):
        raise TypeError(
            f"params_list is a {type(params_list).__name__}: expected a list of the parameters of "
            "one network or more"
        )
    members = [_member(params, k) for k, params in enumerate(params_list)]
    if not members:
        raise ValueError("params_list is empty: expected the parameters of one network or more")
    for k, member in enumerate(members):
        _check_member(member, members[0], k)
    xp = array_namespace(members[0][0][0])
    return map_params(lambda *arrays: xp.stack(arrays), *members)


def _member(params: Any, k: int) -> Params:
    try:
        return as_params(params)
    except TypeError as error:
        raise TypeError(f"params_list[{k}]: {error}") from error


def _check_member(member: Params, first: Params, k: int) -> None:
    """Raise unless a member is of the same layers, shapes, dtype and device as the first."""
    backend.check_together(**{"params_list[0]": first, f"params_list[{k}]": member})
    if [type(layer) for layer in member] != [type(layer) for layer in first]:
        raise ValueError(
            f"params_list[{k}] has {len(member)} layers, but params_list[0] has {len(first)}: "
            "expected networks of the same sizes"
        )
    for number, (layer, like) in enumerate(zip(member, first, strict=True), 1):
        for name, array, other in zip(layer._fields, layer, like, strict=True):
            what = f"{name} of layer {number} in params_list[{k}]"
            if array.shape != other.shape:
                raise ValueError(
                    f"{what} has shape {tuple(array.shape)}, but in params_list[0] it has "
                    f"{tuple(other.shape)}: expected networks of the same sizes"
                )
            if array.dtype != other.dtype:
                raise TypeError(
                    f"{what} has dtype {array.dtype}, but in params_list[0] it has {other.dtype}: "
                    "expected one dtype"
                )


def unstack(params: Params) -> tuple[Params, ...]:
    """The parameters of each network of a stack.

    Parameters
    ----------
    params : Params
        With a leading axis of K. An array that has none, or one of 1, belongs to all networks.

    Returns
    -------
    tuple of Params
        K of them. Where the library allows, they are views of the stack's memory.

    Raises
    ------
    ValueError
        If `params` are of one network, or their leading axes do not agree.
    TypeError
        If `params` are no Params.

    See Also
    --------
    stack : The other way.
    """
    params = as_params(params)
    check_stacked(params)
    axes = max(tensor.ndim for tensor in tensors(params))
    if axes == 2:
        raise ValueError(
            "params are of one network, not of a stack: expected a leading axis, W (K, n_out, n_in)"
        )
    K = max(tensor.shape[0] for tensor in tensors(params) if tensor.ndim == axes)

    each = map_params(lambda array: _entries(array, K, axes), params)
    return tuple(map_params(itemgetter(k), each) for k in range(K))


def _entries(array: Array, K: int, axes: int) -> tuple[Array, ...]:
    """That of each network, all by one call: on a device each call takes longer than an entry."""
    if array.ndim < axes:
        return (array,) * K
    if array.shape[0] == 1:
        return (array[0, ...],) * K
    entries: tuple[Array, ...] = array_namespace(array).unstack(array)
    return entries
