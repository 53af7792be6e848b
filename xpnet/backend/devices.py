"""Devices of arrays: their names, the check that arrays lie together, a report of CUDA devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from xpnet.backend.arrays import leaves
from xpnet.backend.libraries import LIBRARIES, adapter, device_of, devices, library_name
from xpnet.backend.selection import tf32
from xpnet.exceptions import BackendError


def where(array: Any) -> str:
    """Return an array's library and device in words, for a message: ``torch on cuda:0``."""
    library = library_name(array)
    device = _device_name(array, library)
    return library if device is None else f"{library} on {device}"


def check_together(**trees: Any) -> None:
    """Check that all arrays lie in one library and on one device.

    Parameters
    ----------
    **trees : arrays, or nested tuples of arrays and None
        By the name of the argument they came in as.

    Raises
    ------
    TypeError
        If they do not, or if something is no array, or one of NumPy's that computes in another
        way: says which argument lies where and how to move it.
    """
    named = [(name, leaf) for name, tree in trees.items() for leaf in leaves(tree)]
    if _plainly_together([leaf for _, leaf in named]):
        return
    for name, leaf in named:
        _check_is_array(name, leaf)
    first, reference = named[0]
    for name, leaf in named[1:]:
        if not _beside(leaf, reference):
            raise TypeError(_apart(first, reference, name, leaf))


def _plainly_together(arrays: list[Any]) -> bool:
    """Settle the usual case cheaply, as this runs at every step: one type, one device."""
    if not arrays:
        return True
    kind, device = type(arrays[0]), getattr(arrays[0], "device", None)
    plain = array_api_compat.is_array_api_obj(arrays[0]) and kind not in _OTHER_ARITHMETIC
    return plain and all(
        type(array) is kind and getattr(array, "device", None) == device for array in arrays
    )


_OTHER_ARITHMETIC = {
    np.ma.MaskedArray: "its mask would get lost: leave masked samples out, or use {0}.filled(…)",
    np.matrix: "its * multiplies matrices: {0} = np.asarray({0})",
}
"""Subclasses of NumPy's array that give other numbers, and what to do."""


def _check_is_array(name: str, leaf: Any) -> None:
    for kind, advice in _OTHER_ARITHMETIC.items():
        if isinstance(leaf, kind):
            raise TypeError(f"{name} holds a {kind.__name__}: {advice.format(name)}")
    if not array_api_compat.is_array_api_obj(leaf):
        is_list = isinstance(leaf, Sequence) and not isinstance(leaf, str)
        can_be_one = is_list or hasattr(leaf, "__array__")
        raise TypeError(
            f"{name} holds a {type(leaf).__name__}, expected an array"
            + (f": {name} = xpnet.backend.asarray({name})" if can_be_one else "")
        )


def _beside(left: Any, right: Any) -> bool:
    library = library_name(left)
    if library != library_name(right):
        return False
    both = {_device_name(left, library), _device_name(right, library)}
    # Under jax.jit an array has no device yet, and goes with any other.
    return len(both - {None}) <= 1


def _device_name(array: Any, library: str) -> str | None:
    device = device_of(array)
    if device is None:
        return None
    known = adapter(library).devices() if library in LIBRARIES else {}
    return next((name for name, other in known.items() if other == device), str(device))


def _apart(first: str, reference: Any, name: str, leaf: Any) -> str:
    here, there = where(reference), where(leaf)
    if first == name:
        return (
            f"{name} lies partly in {here}, partly in {there}: bring it together, "
            f"{name} = xpnet.to_device({name}, target)"
        )
    return (
        f"{first} lies in {here}, but {name} in {there}: move one to the other, as by "
        f"{name} = xpnet.to_device({name}, {first})"
    )


@dataclass(frozen=True)
class DeviceReport:
    """One CUDA device, as CuPy finds it.

    Attributes
    ----------
    device : str
        Its name for ``XPNET_DEVICE``.
    name : str
        The maker's name.
    memory : int
        In bytes.
    driver : str
        The newest CUDA version that the driver supports.
    cuda, cublas : str
        The versions that run, or the command that installs them.
    matmul : str
        The precision of products of float32 matrices, ``float32`` or ``tf32``.
    """

    device: str
    name: str
    memory: int
    driver: str
    cuda: str
    cublas: str
    matmul: str


def device_report() -> tuple[DeviceReport, ...]:
    """Return a report of each CUDA device; none where CuPy is missing or no device answers.

    Raises
    ------
    BackendError
        If ``XPNET_MATMUL`` is set to something unknown.
    """
    matmul = "tf32" if tf32() else "float32"
    try:
        found = devices("cupy")
    except BackendError:
        return ()
    return tuple(
        DeviceReport(name, *_properties(device), *_versions(), matmul)
        for name, device in found.items()
    )


def _properties(device: Any) -> tuple[str, int]:
    from cupy.cuda import runtime

    properties = runtime.getDeviceProperties(device.id)
    return properties["name"].decode(), properties["totalGlobalMem"]


def _versions() -> tuple[str, str, str]:
    from cupy.cuda import runtime

    driver, cuda = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    return _version(driver, 1000, 10), _version(cuda, 1000, 10), _cublas_version()


def _cublas_version() -> str:
    try:
        from cupy.cuda import cublas, device

        return _version(cublas.getVersion(device.get_cublas_handle()), 10_000, 100)
    except ImportError:
        return f"not found: {LIBRARIES['cupy'].install} brings it"


def _version(number: int, major: int, minor: int) -> str:
    return f"{number // major}.{number % major // minor}"
