"""Adapter of array-api-strict: the standard alone, on simulated devices."""

from __future__ import annotations

from typing import Any

import array_api_strict as xp
import numpy as np

from xpnet.backend.adapters import Adapter, numpy_quiet

_CPU = xp.Device("CPU_DEVICE")


def _devices() -> dict[str, Any]:
    return {"cpu": _CPU} | {name: xp.Device(name) for name in ("device1", "device2")}


def _from_numpy(host: np.ndarray[Any, Any], device: Any) -> Any:
    return xp.asarray(host, device=device)


def _to_numpy(array: Any) -> np.ndarray[Any, Any]:
    return np.asarray(array.to_device(_CPU))


ADAPTER = Adapter(
    xp=xp,
    devices=_devices,
    from_numpy=_from_numpy,
    to_numpy=_to_numpy,
    on_host=lambda array: array.device == _CPU,
    quiet=numpy_quiet,
)
