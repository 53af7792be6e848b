"""Adapter of dpnp: Intel's GPUs, and x86 processors by Intel's OpenCL runtime."""

from __future__ import annotations

from typing import Any

import dpctl
import dpnp
import numpy as np

from xpnet.backend.adapters import Adapter


def _devices() -> dict[str, Any]:
    found = dpctl.get_devices()
    if not found:
        return {}
    default_first = (dpctl.select_default_device(), *found)
    # An array's device is a queue: these are the queues where dpnp works unless told otherwise.
    return {device.filter_string: dpnp.empty(0, device=device).device for device in default_first}


def _from_numpy(host: np.ndarray[Any, Any], device: Any) -> Any:
    return dpnp.asarray(host, device=device)


def _synchronize(array: Any) -> None:
    array.sycl_queue.wait()


def _refusal(dtype: str, device: Any) -> str | None:
    if dtype in ("float64", "complex128") and not device.sycl_device.has_aspect_fp64:
        return "this device has no double precision: use float32, or the device of a processor"
    return None


ADAPTER = Adapter(
    xp=dpnp,
    devices=_devices,
    from_numpy=_from_numpy,
    to_numpy=dpnp.asnumpy,
    synchronize=_synchronize,
    refusal=_refusal,
)
