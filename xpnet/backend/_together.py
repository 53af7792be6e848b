"""Says where arrays lie, and holds them to one library and one device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import array_api_compat
import numpy as np

from xpnet.backend._libraries import LIBRARIES, adapter, library_name

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
        If they do not, or if something is no array, or one of NumPy's that computes in another
        way: says which argument lies where and how to move it.
    """
    leaves = [(name, leaf) for name, tree in trees.items() for leaf in _leaves(tree)]
    if _plainly_together([leaf for _, leaf in leaves]):
        return
    for name, leaf in leaves:
        _check_is_array(name, leaf)
    first, reference = leaves[0]
    for name, leaf in leaves[1:]:
        if not _beside(leaf, reference):
            raise TypeError(_apart(first, reference, name, leaf))


def _leaves(tree: Any) -> Iterator[Any]:
    """Yield all but None: here a number stands where an array should."""
    if isinstance(tree, tuple):
        for branch in tree:
            yield from _leaves(branch)
    elif tree is not None:
        yield tree


def _plainly_together(leaves: list[Any]) -> bool:
    """Settle the usual case cheaply, as this runs at every step: one type, one device."""
    if not leaves:
        return True
    kind, device = type(leaves[0]), getattr(leaves[0], "device", None)
    plain = array_api_compat.is_array_api_obj(leaves[0]) and kind not in _OTHER_ARITHMETIC
    return plain and all(
        type(leaf) is kind and getattr(leaf, "device", None) == device for leaf in leaves
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
