"""Says where arrays lie, and holds them to one library and one device."""

from __future__ import annotations

from typing import Any

import array_api_compat

from xpnet.backend._libraries import LIBRARIES, adapter, library_name
from xpnet.backend._trees import arrays_in

__all__ = ["check_together", "where"]


def where(array: Any) -> str:
    """Say where an array lies, for a message: ``torch on cuda:0``."""
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
        If they do not, or if something is no array: says which argument lies where and how to
        move it.
    """
    leaves = [(name, leaf) for name, tree in trees.items() for leaf in arrays_in(tree)]
    if _plainly_together([leaf for _, leaf in leaves]):
        return
    for name, leaf in leaves:
        _check_is_array(name, leaf)
    first, reference = leaves[0]
    for name, leaf in leaves[1:]:
        if not _beside(leaf, reference):
            raise TypeError(_apart(first, reference, name, leaf))


def _plainly_together(leaves: list[Any]) -> bool:
    """Settle the usual case cheaply, as this runs at every step: one type, one device."""
    if not leaves:
        return True
    kind, device = type(leaves[0]), getattr(leaves[0], "device", None)
    return array_api_compat.is_array_api_obj(leaves[0]) and all(
        type(leaf) is kind and getattr(leaf, "device", None) == device for leaf in leaves
    )


def _check_is_array(name: str, leaf: Any) -> None:
    if not array_api_compat.is_array_api_obj(leaf):
        raise TypeError(
            f"{name} holds a {type(leaf).__name__}, expected an array: "
            f"{name} = xpnet.backend.asarray({name})"
        )


def _beside(left: Any, right: Any) -> bool:
    library = library_name(left)
    if library != library_name(right):
        return False
    devices = {_device_name(left, library), _device_name(right, library)}
    # Under jax.jit an array is not anywhere yet, and goes with any other.
    return len(devices - {None}) <= 1


def _device_name(array: Any, library: str) -> str | None:
    device = array_api_compat.device(array)
    if device is None:
        return None
    known = adapter(library).devices() if library in LIBRARIES else {}
    return next((name for name, other in known.items() if other == device), str(device))


def _apart(first: str, reference: Any, name: str, leaf: Any) -> str:
    places = where(reference), where(leaf)
    if first == name:
        return (
            f"{name} lies partly in {places[0]}, partly in {places[1]}: bring it together, "
            f"{name} = xpnet.to_device({name}, target)"
        )
    return (
        f"{first} lies in {places[0]}, but {name} in {places[1]}: move one to the other, as by "
        f"{name} = xpnet.to_device({name}, {first})"
    )
