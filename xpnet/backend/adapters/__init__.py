"""Adapters of array libraries: what xpnet needs beyond the Array API standard, as one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np

__all__ = ["Adapter", "numpy_quiet"]

FromNumpy = Callable[["np.ndarray[Any, Any]", Any], Any]


def _flattened_and_back(array: Any) -> Any:
    """The same array, contiguous.

    The standard has no word for memory order. Flattening has: it copies only where the elements do
    not already lie in the order asked for.
    """
    reshape = array_api_compat.array_namespace(array).reshape
    return reshape(reshape(array, (-1,)), array.shape)


@dataclass(frozen=True)
class Adapter:
    """One array library, seen from the host.

    Attributes
    ----------
    xp : module
        The Array API namespace.
    devices : ``() -> {name: device}``
        The devices that answer now as `device_of` returns them, the library's default first; none
        when it cannot run here.
    from_numpy : ``(host, device) -> array``
        An array of the same dtype on `device`; it may share memory with `host`.
    to_numpy : ``(array) -> host``
        The array on the host; it may share memory with `array`.
    device_of : ``(array) -> device``
        The device of an array, equal to its entry in `devices`; for arrays without ``device``.
    to_device : ``(array, device) -> array``
        A copy on another device of the library; for arrays without ``to_device``.
    synchronize : ``(array) -> None``
        Waits until `array` is computed.
    on_device : ``(array) -> context manager``
        Within it, new arrays without a device of their own are made where `array` lies.
    has_values : ``(array) -> bool``
        Whether the values of `array` can be read: not while it is traced, or not yet computed.
    on_host : ``(array) -> bool``
        Whether its values lie in the host's memory, so that reading them waits for nothing.
    near : ``(array) -> array``
        The host's array where it shares the memory of `array`, and finds numbers sooner than its
        library; else `array`.
    free_memory : ``(array) -> int or None``
        Bytes that are free where `array` lies; None where that is the host, or nothing is known.
    quiet : ``() -> context manager``
        Within it, the library does not warn of overflow and NaN.
    contiguous : ``(array) -> array``
        Its rows one after another in memory, in the order of its shape: a copy only where they
        lie otherwise.
    transposed : ``(X) -> array``, or None
        ``Xᵀ`` of a matrix, contiguous, where the library has more to say than `contiguous`.
    pinned_upload : ``(device, dtype) -> (arrays, rows) -> () -> arrays``, or None
        Starts copies of host rows that overlap with computation. See `uploader`.
    refusal : ``(dtype, device) -> str or None``, or None
        Why `device` cannot hold `dtype` and what to do, or None where it can.
    """

    xp: ModuleType
    devices: Callable[[], Mapping[str, Any]]
    from_numpy: FromNumpy
    to_numpy: Callable[[Any], np.ndarray[Any, Any]]
    device_of: Callable[[Any], Any] = array_api_compat.device
    to_device: Callable[[Any, Any], Any] = array_api_compat.to_device
    synchronize: Callable[[Any], None] = lambda array: None
    on_device: Callable[[Any], AbstractContextManager[Any]] = nullcontext
    has_values: Callable[[Any], bool] = lambda array: True
    on_host: Callable[[Any], bool] = lambda array: False
    near: Callable[[Any], Any] = lambda array: array
    free_memory: Callable[[Any], int | None] = lambda array: None
    quiet: Callable[[], AbstractContextManager[Any]] = nullcontext
    contiguous: Callable[[Any], Any] = _flattened_and_back
    transposed: Callable[[Any], Any] | None = None
    pinned_upload: Callable[..., Any] | None = None
    refusal: Callable[[str, Any], str | None] | None = None


def numpy_quiet() -> AbstractContextManager[Any]:
    """Return a `quiet` of NumPy, for itself and for a library that computes with it."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")
