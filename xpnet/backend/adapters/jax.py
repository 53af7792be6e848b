"""Adapter of JAX: its default platform, then the processor."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as xp
import numpy as np

from xpnet.backend.adapters import Adapter


def _devices() -> dict[str, Any]:
    found: list[Any] = []
    for platform in (None, "cpu"):
        # JAX_PLATFORMS may name one that does not start, or leave the processor out.
        with suppress(RuntimeError):
            found += jax.devices(platform)
    return {_name(device): device for device in found}


def _name(device: Any) -> str:
    return "cpu" if str(device) == "cpu:0" else str(device)


def _from_numpy(host: np.ndarray[Any, Any], device: Any) -> Any:
    # A copy: on a processor `device_put` shares memory, which the host may yet write to. It
    # compiles nothing, where `xp.array` compiles a program for each shape.
    return jax.device_put(np.array(host), device)


def _refusal(dtype: str, device: Any) -> str | None:
    if jax.dtypes.canonicalize_dtype(dtype) == np.dtype(dtype):
        return None
    return (
        "JAX keeps 64-bit numbers only if asked to: set the environment variable "
        "JAX_ENABLE_X64=1 before it is imported, or use a 32-bit dtype"
    )


def _synchronize(array: Any) -> None:
    array.block_until_ready()


def _has_values(array: Any) -> bool:
    # Within jax.jit all that is computed is traced, also of arrays that are not.
    return not any(isinstance(a, jax.core.Tracer) for a in (array, xp.add(0, 0)))


def _free_memory(array: Any) -> int | None:
    found = [device.memory_stats() or {} for device in array.devices()]
    if not all({"bytes_limit", "bytes_in_use"} <= stats.keys() for stats in found):
        return None
    free = min(int(stats["bytes_limit"] - stats["bytes_in_use"]) for stats in found)
    return free if free >= 0 else None  # a limit of -1 is one that is not known


def _near(array: Any) -> Any:
    on_processor = {device.platform for device in array.devices()} == {"cpu"}
    return np.asarray(array) if on_processor else array


MOST_KEPT = 2  # samples and targets

_kept: dict[int, tuple[Any, Any]] = {}
"""Latest matrices, as weak references, and their transposes."""


def _transposed(X: Any) -> Any:
    """``Xᵀ``, made once for as long as X is there: nobody may write to an array of JAX.

    It has no views, and the copy of many samples takes as long as some epochs of a small network.
    """
    key = id(X)
    # Taken out and put back, so that the last ones used stay; no other thread comes in between.
    found = _kept.pop(key, None) or (None, xp.matrix_transpose(X))
    turned = found[1]
    if isinstance(turned, jax.core.Tracer):  # also of an array that is not, within jax.jit
        return turned
    _kept[key] = found[0] or weakref.ref(X, lambda _: _kept.pop(key, None)), turned
    for old in list(_kept)[:-MOST_KEPT]:
        _kept.pop(old, None)
    return turned


ADAPTER = Adapter(
    xp=xp,
    devices=_devices,
    from_numpy=_from_numpy,
    to_numpy=np.asarray,
    synchronize=_synchronize,
    has_values=_has_values,
    contiguous=lambda array: array,  # as all are; to reshape would copy
    transposed=_transposed,
    near=_near,
    free_memory=_free_memory,
    refusal=_refusal,
)
