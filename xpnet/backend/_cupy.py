"""CuPy: one or more CUDA devices."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

import array_api_compat.cupy as xp
import cupy
import numpy as np

from xpnet.backend._adapter import Adapter
from xpnet.backend._cupy_upload import pinned_upload
from xpnet.backend._matmul import tf32

__all__ = ["ADAPTER"]


def _devices() -> dict[str, Any]:
    # Without a driver the import succeeds and the first array fails, but this question never does.
    if not cupy.cuda.is_available():
        return {}
    count = cupy.cuda.runtime.getDeviceCount()
    return {f"cuda:{index}": cupy.cuda.Device(index) for index in range(count)}


def _from_numpy(host: np.ndarray[Any, Any], device: Any) -> Any:
    with device:
        return cupy.asarray(host)


def _uniform(shape: tuple[int, ...], seed: int, dtype: str, device: Any) -> Any:
    # Philox counts, so that a new generator at each call is cheap.
    with device:
        generator = cupy.random.Generator(cupy.random.Philox4x3210(seed))
        return generator.random(shape, dtype=dtype)


def _synchronize(array: Any) -> None:
    with array.device:
        cupy.cuda.get_current_stream().synchronize()


def _on_device(array: Any) -> AbstractContextManager[Any]:
    # CuPy computes on the current device, wherever its operands lie.
    device: AbstractContextManager[Any] = array.device
    return device


if tf32():
    os.environ["CUPY_TF32"] = "1"  # which CuPy reads at its first product

ADAPTER = Adapter(
    xp=xp,
    devices=_devices,
    from_numpy=_from_numpy,
    to_numpy=cupy.asnumpy,
    uniform=_uniform,
    synchronize=_synchronize,
    on_device=_on_device,
    pinned_upload=pinned_upload,
)
