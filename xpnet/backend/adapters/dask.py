"""Adapter of Dask: arrays in chunks, computed when they are read."""

from __future__ import annotations

from typing import Any

import array_api_compat.dask.array as xp
import numpy as np

from xpnet.backend.adapters import Adapter


def _from_numpy(host: np.ndarray[Any, Any], device: str) -> Any:
    return xp.asarray(host)


def _to_numpy(array: Any) -> np.ndarray[Any, Any]:
    return np.asarray(array.compute())


ADAPTER = Adapter(
    xp=xp,
    devices=lambda: {"cpu": "cpu"},
    from_numpy=_from_numpy,
    to_numpy=_to_numpy,
    has_values=lambda array: False,
)
