"""Adapter of NumPy: arrays of the host."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from xpnet.backend.adapters import Adapter, numpy_quiet


def _from_numpy(host: np.ndarray[Any, Any], device: str) -> np.ndarray[Any, Any]:
    return host


ADAPTER = Adapter(
    xp=xp,
    devices=lambda: {"cpu": "cpu"},
    from_numpy=_from_numpy,
    to_numpy=np.asarray,
    on_host=lambda array: True,
    contiguous=np.ascontiguousarray,
    quiet=numpy_quiet,
)
