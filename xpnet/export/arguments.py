"""Networks and parameters to be exported, checked."""

from __future__ import annotations

from typing import Any

from xpnet.network.arguments import check_arrays
from xpnet.network.checks import check_params, check_precision
from xpnet.types import Params, as_params, tensors


def checked(net: Any, params: Any) -> Params:
    """`params` as they are known; raise unless they are of `net`, and of one network."""
    check_arrays(net)
    found = as_params(params)
    check_params(net.sizes, found)
    check_precision(found)
    if any(array.ndim > 2 for array in tensors(found)):
        raise ValueError(
            "params are of a stack: expected those of one network, such as one of "
            "xpnet.unstack(params)"
        )
    return found
