"""NumPy: the host's own arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from xpnet.backend._adapter import Adapter, drawn_on_host

__all__ = ["ADAPTER"]


def _from_numpy(host: np.ndarray[Any, Any], device: str) -> np.ndarray[Any, Any]:
    return host


def _columns(
    arrays: Sequence[np.ndarray[Any, Any]], order: np.ndarray[Any, Any], start: int, stop: int
) -> tuple[np.ndarray[Any, Any], ...]:
    # The methods: on a small batch, finding the namespace and its functions takes as long.
    rows = order[start:stop]
    return tuple(array.take(rows, 0).T for array in arrays)


ADAPTER = Adapter(
    xp=xp,
    devices=lambda: {"cpu": "cpu"},
    from_numpy=_from_numpy,
    to_numpy=np.asarray,
    columns=_columns,
    uniform=drawn_on_host(_from_numpy),
)
