"""Arguments of the public functions: brought into one form, and checked once, before any kernel.

Loops that pass the same arguments many times come here once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, TypeAlias

from array_api_compat import array_namespace, is_array_api_obj

from xpnet import backend
from xpnet.network import checks
from xpnet.network.network import Network
from xpnet.types import Array, Params

Masks: TypeAlias = Sequence[Array | None] | None


def as_floating(X: Array, params: Params) -> Array:
    """X, cast to the dtype of `params` where it holds integers or booleans."""
    return _cast(X, params, ("bool", "integral"))


def as_weights(sample_weight: Array | None, params: Params) -> Array | None:
    """The weights, cast to the dtype of `params`: few numbers, whose rounding costs nothing."""
    kinds = ("bool", "integral", "real floating")
    return _cast(sample_weight, params, kinds)


def _cast(array: Any, params: Params, kinds: tuple[str, ...]) -> Any:
    """`array` in the dtype of `params`, if it is of one of these kinds."""
    if not is_array_api_obj(array):
        return array  # the checks that follow say so by name
    try:
        xp = array_namespace(array, params[0][0])
    except TypeError:
        return array  # of another library: the same
    of_kind = xp.isdtype(array.dtype, kinds)
    return xp.astype(array, params[0][0].dtype, copy=False) if of_kind else array


def beside(l2: Any, like: Array) -> float | Array:
    """`l2` as a Python float, or as an array of the library and dtype of `like`.

    Anything else would promote float32, NumPy's own scalars among it.
    """
    if isinstance(l2, Real):
        number = float(l2)
        if not 0.0 <= number < math.inf:
            raise ValueError(f"l2 is {l2}: expected 0 or more, and finite")
        return number
    if not is_array_api_obj(l2):
        raise TypeError(f"l2 is {l2!r}: expected a number, 0 or more")
    if l2.ndim and l2.shape[-2:] != (1, 1):
        raise ValueError(
            f"l2 has shape {tuple(l2.shape)}: expected a number, or (K, 1, 1), one for each "
            "network of a stack"
        )
    xp = array_namespace(like)
    if array_namespace(l2) is xp:
        return xp.astype(l2, like.dtype, copy=False)
    return backend.asarray(l2, like=like)


def check_inputs(net: Network, params: Params, X: Array) -> None:
    """Raise unless `params` and `X` fit the network, in shape, dtype and device."""
    check_arrays(net, X=X)
    backend.check_together(params=params, X=X)
    checks.check_params(net.sizes, params)
    checks.check_precision(params)
    checks.check_inputs(net.sizes, params, X)
    checks.check_stacked(params, X=X)


def check_batch(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    sample_weight: Array | None,
    *,
    l2: float | Array = 0.0,
    output: str | None = None,
    readable: Callable[[Array], bool] = backend.on_host,
    fixed: bool = False,
) -> None:
    """Raise unless everything fits the network, in shape, dtype and device, and is in its range.

    Y must be targets of `output`, the network's by default. Values are checked where they are
    `readable`: on the host by default. `fixed` is as in `checks.check_stacked`.
    """
    check_arrays(net, X=X, Y=Y, sample_weight=sample_weight)
    backend.check_together(params=params, X=X, Y=Y, sample_weight=sample_weight)
    checks.check_params(net.sizes, params)
    checks.check_precision(params)
    checks.check_inputs(net.sizes, params, X)
    checks.check_targets(net.sizes, X, Y, sample_weight)
    l2 = beside(l2, params[0][0])
    checks.check_stacked(params, fixed=fixed, X=X, Y=Y, sample_weight=sample_weight, l2=l2)
    checks.check_values(output or net.output, Y, sample_weight, l2, readable)


def check_gradient(value_and_grad: Any) -> None:
    """Raise unless `value_and_grad` is a function."""
    if not callable(value_and_grad):
        raise TypeError(
            f"value_and_grad is {value_and_grad!r}: expected a function with the signature of "
            "xpnet.value_and_grad"
        )


def check_masks(net: Network, params: Params, X: Array, masks: Masks) -> None:
    """Raise unless `masks` fit the network and lie beside X."""
    if masks is None:
        return
    if not isinstance(masks, Sequence) or isinstance(masks, str):
        raise TypeError(
            f"masks is a {type(masks).__name__}: expected a tuple of arrays or None, one for each "
            "hidden layer"
        )
    backend.check_together(X=X, masks=tuple(masks))
    checks.check_masks(net.sizes, X, masks)
    checks.check_stacked(params, X=X, **{f"masks[{n}]": mask for n, mask in enumerate(masks)})


def check_arrays(net: Network, **arrays: Array) -> None:
    """Raise unless `net` is a network and each array is there; weights may be left out."""
    if not isinstance(net, Network):
        raise TypeError(
            f"net is a {type(net).__name__}: expected a network, such as xpnet.Network((784, 10))"
        )
    for name, array in arrays.items():
        if array is None and name == "sample_weight":
            continue
        if array is None or isinstance(array, tuple | Real | str):
            what = "a tuple" if isinstance(array, tuple) else repr(array)
            raise TypeError(f"{name} is {what:.40}: expected an array, samples as columns")
