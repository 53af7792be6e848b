"""Networks and parameters to be exported, checked."""

from __future__ import annotations

from typing import Any

from xpnet.network import Network
from xpnet.network.checks import check_params, check_precision
from xpnet.types import Params, as_params


def checked(net: Any, params: Any) -> Params:
    """`params` as they are known; raise unless they are of `net`, and of one network."""
    if not isinstance(net, Network):
        raise TypeError(
            f"net is a {type(net).__name__}: expected a network, such as xpnet.Network((784, 10))"
        )
    params = as_params(params)
    check_params(net.sizes, params)
    check_precision(params)
    if any(array.ndim > 2 for layer in params for array in layer):
        raise ValueError(
            "params are of a stack: expected those of one network, such as one of "
            "xpnet.unstack(params)"
        )
    return params
