"""Finite parameters."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

from xpnet import backend
from xpnet.types import Params

__all__ = ["all_finite", "check_start"]


def all_finite(params: Params) -> Any:
    """Whether all parameters are finite, for each network of a stack; looked at on the host.

    A copy there costs less than what JAX would compile for every shape.
    """
    hosts = [backend.to_numpy(array) for layer in params for array in layer]
    flags = [(abs(host) < math.inf).all(axis=(-2, -1)) for host in hosts]
    return functools.reduce(operator.and_, flags)


def check_start(params: Params) -> None:
    """Raise ValueError if parameters hold NaN or infinity, naming the first such layer."""
    for number, layer in enumerate(params, 1):
        if not all_finite((layer,)).all():
            raise ValueError(
                f"params hold NaN or infinity in layer {number}: expected finite numbers to start "
                "from, such as net.init(seed=0, like=X)"
            )
