"""Arrays of any library, and trees of them: making, moving, reading and waiting.

A tree is nested tuples of arrays: parameters, gradients, batches, an optimiser's state.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from xpnet.backend.libraries import (
    LIBRARIES,
    adapter,
    device_of,
    devices,
    library_name,
    refuse,
)
from xpnet.backend.selection import NAMES, Backend, dtype_name, find_device, resolve


class _Target(NamedTuple):
    """A library by name, the device as that library knows it, and a dtype by name."""

    library: str
    device: Any
    dtype: str


def asarray(
    values: Any,
    *,
    like: Any = None,
    backend: Backend | str | ModuleType | None = None,
    dtype: Any = None,
) -> Any:
    """Return `values` as an array of a chosen library, device and dtype.

    Parameters
    ----------
    values : array_like
        Host values, or an array of any library. The result may share memory with it.
    like : array or Backend, optional
        Whose library and device to use.
    backend : Backend or str, optional
        The same by name. Without `like` and `backend`: `default_backend`.
    dtype : str or dtype, optional
        That of `like`, or of the backend, if left out.

    Raises
    ------
    BackendError
        If the backend is not available, or the device cannot hold the dtype.
    """
    if like is not None and backend is not None:
        raise TypeError("both like and backend say where the array goes: give one of them")
    if type(values) is type(like) is np.ndarray and values.dtype == like.dtype and dtype is None:
        return values  # which every prediction of a fitted model asks for
    target = _target(like if like is not None else backend)
    return _put(values, target if dtype is None else target._replace(dtype=dtype_name(dtype)))


def to_numpy(array: Any) -> np.ndarray[Any, Any]:
    """Return `array` on the host: detached, computed, of the same dtype.

    The result may share memory with `array` and be read-only.
    """
    return adapter(_known_library(array)).to_numpy(array)


def read(arrays: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return equally shaped arrays (or floats) as one host array, waiting for the device once.

    Parameters
    ----------
    arrays : sequence of arrays of one library, or of floats
        At least one.

    Returns
    -------
    numpy.ndarray, shape (len(arrays), ...)
    """
    if isinstance(arrays[0], float | np.generic) or not array_api_compat.is_array_api_obj(
        arrays[0]
    ):
        return np.asarray(arrays)  # NumPy's numbers, too, which take longer to stack
    if array_api_compat.is_jax_array(arrays[0]):
        # JAX would compile a program for every number of arrays to stack; their copies overlap.
        for array in arrays:
            array.copy_to_host_async()
        return np.asarray([to_numpy(array) for array in arrays])
    with on_device_of(arrays[0]):
        return to_numpy(array_api_compat.array_namespace(arrays[0]).stack(list(arrays)))


def read_tree(tree: Any) -> Any:
    """Return a tree of arrays of one library, device and dtype on the host, waiting once."""
    arrays = arrays_in(tree)
    if not arrays or array_api_compat.is_numpy_array(arrays[0]):
        return tree
    if array_api_compat.is_jax_array(arrays[0]):
        for array in arrays:  # as in `read`
            array.copy_to_host_async()
        return map_arrays(to_numpy, tree)
    with on_device_of(arrays[0]):
        xp = array_api_compat.array_namespace(arrays[0])
        numbers = to_numpy(xp.concat([xp.reshape(array, (-1,)) for array in arrays]))
    stops = np.cumsum([math.prod(array.shape) for array in arrays])
    parts = iter(np.split(numbers, stops[:-1]))
    return map_arrays(lambda array: next(parts).reshape(array.shape), tree)


def ends(arrays: Sequence[Any]) -> list[tuple[float, float]]:
    """Return the smallest and the largest number of each array, waiting for the device once.

    Both are NaN where one of the numbers is.

    Parameters
    ----------
    arrays : sequence of arrays
        Of one library, device and dtype, none of them empty.
    """
    if not arrays:
        return []
    if not array_api_compat.is_numpy_array(arrays[0]):
        arrays = list(map(near, arrays))
    if array_api_compat.is_numpy_array(arrays[0]) or on_host(arrays[0]):
        # A stack of small results would take longer than to read them.
        return [(float(host.min()), float(host.max())) for host in map(to_numpy, arrays)]
    xp = array_api_compat.array_namespace(*arrays)
    found = read([end(array) for array in arrays for end in (xp.min, xp.max)]).tolist()
    return list(zip(found[::2], found[1::2], strict=True))


def to_device(tree: Any, target: Any) -> Any:
    """Return `tree` moved to `target`, dtypes kept.

    Parameters
    ----------
    tree : array, or nested tuple of arrays and None
        Parameters, gradients, an optimiser's state: its shape is kept.
    target : Backend, str or array
        A backend; a backend's name; the name of a device of the arrays' own library; or an array
        (or a tree of arrays) to lie beside.

    Raises
    ------
    BackendError
        If the target is not available, or cannot hold a dtype of `tree`.
    """
    if isinstance(target, str) and target not in NAMES:
        return map_arrays(lambda array: _on_device(array, target), tree)
    found = _target(target)
    return map_arrays(lambda array: _put(array, _keeping_dtype(array, found)), tree)


def contiguous(array: Any) -> Any:
    """Return `array` with its rows one after another in memory; a copy if they lie otherwise."""
    with on_device_of(array):
        return adapter(_known_library(array)).contiguous(array)


def transposed(X: Any) -> Any:
    """Return ``Xᵀ`` of each matrix, its rows one after another; a copy if they lie otherwise."""
    special = adapter(_known_library(X)).transposed
    xp = array_api_compat.array_namespace(X)
    return contiguous(xp.matrix_transpose(X)) if special is None else special(X)


def synchronize(array: Any) -> None:
    """Wait until `array` is computed. A Dask array stays the graph it is."""
    adapter(_known_library(array)).synchronize(array)


def on_device_of(array: Any) -> AbstractContextManager[Any]:
    """Return a context in which the library computes on the device of `array`.

    Most libraries do so by themselves; CuPy computes on its current device, which need not be where
    its operands lie. The context may be entered again and again.
    """
    name = library_name(array)
    return adapter(name).on_device(array) if name in LIBRARIES else nullcontext()


def quiet(array: Any) -> AbstractContextManager[Any]:
    """Return a context in which the library of `array` warns of no overflow and of no NaN.

    For a caller that checks the numbers afterwards.
    """
    return adapter(_known_library(array)).quiet()


def detached(tree: Any) -> Any:
    """Return `tree` with torch tensors that require grad detached, all else as it is."""
    if "torch" not in sys.modules:  # Then there are none.
        return tree
    return map_arrays(
        lambda array: array.detach() if getattr(array, "requires_grad", False) else array, tree
    )


def tracked(tree: Any) -> bool:
    """Return whether torch records operations on `tree`, to differentiate them later."""
    if "torch" not in sys.modules:  # Then there is nothing to record.
        return False
    requiring = any(getattr(array, "requires_grad", False) for array in arrays_in(tree))
    return requiring and bool(adapter("torch").xp.is_grad_enabled())


def has_values(array: Any) -> bool:
    """Return whether the values of `array` can be read: not while traced, nor of a Dask graph."""
    return _asked(array, "has_values")


def on_host(array: Any) -> bool:
    """Return whether the values of `array` lie on the host, so that reading waits for nothing."""
    return _asked(array, "on_host")


def free_memory(array: Any) -> int | None:
    """Return how many bytes are free where `array` lies; None on the host, or if nobody knows."""
    name = library_name(array)
    return adapter(name).free_memory(array) if name in LIBRARIES else None


def near(array: Any) -> Any:
    """Return `array`, whose values can be read, as the host's where that shares its memory.

    A few numbers are sooner found there than by programs of JAX, one for each of them, or by
    PyTorch's threads.
    """
    name = library_name(array)
    return adapter(name).near(array) if name in LIBRARIES else array


def _asked(array: Any, question: str) -> bool:
    """The answer of the adapter of its library; False where the library is not in the table."""
    name = library_name(array)
    return name in LIBRARIES and bool(getattr(adapter(name), question)(array))


def gather(arrays: Sequence[Any], order: Any, start: int, stop: int) -> tuple[Any, ...]:
    """Return the rows ``order[..., start:stop]`` of each array ``(m, n)``, as columns.

    The transpose ``(..., n, stop - start)`` is a view where the library has views.
    """
    xp = array_api_compat.array_namespace(order)
    rows = order[..., start:stop]
    numbers = rows if rows.ndim == 1 else xp.reshape(rows, (-1,))

    def taken(array: Any) -> Any:
        found = xp.take(array, numbers, axis=0)
        of_each = found if rows.ndim == 1 else xp.reshape(found, (*rows.shape, array.shape[-1]))
        return xp.matrix_transpose(of_each)

    return tuple(map(taken, arrays))


def map_arrays(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return `tree` with `function` applied to its arrays; None and plain numbers stay."""
    if isinstance(tree, tuple):
        branches = map(partial(map_arrays, function), tree)
        # A named tuple is made from its fields one by one.
        return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
    return tree if tree is None or _is_number(tree) else function(tree)


def leaves(tree: Any) -> list[Any]:
    """Everything in `tree` but None."""
    if isinstance(tree, tuple):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [] if tree is None else [tree]


def arrays_in(tree: Any) -> list[Any]:
    """The arrays of `tree`, leaving out None and plain numbers."""
    return [leaf for leaf in leaves(tree) if not _is_number(leaf)]


def _is_number(leaf: Any) -> bool:
    return type(leaf) in (bool, int, float)


def _target(target: Any) -> _Target:
    """Return the library, device and dtype of a backend, its name, an array or a tree of arrays."""
    if target is None or isinstance(target, str | ModuleType):
        target = resolve(target)
    if isinstance(target, Backend):
        return _Target(target.name, target.device_object, target.dtype)
    array = next(iter(arrays_in(target)), None)
    if array is None:
        raise TypeError("the target holds no array to lie beside: give an array or a backend")
    return _Target(_known_library(array), device_of(array), dtype_name(array.dtype))


def _on_device(array: Any, device: str) -> Any:
    library = _known_library(array)
    found = devices(library)[find_device(library, device)]
    return _put(array, _Target(library, found, dtype_name(array.dtype)))


def _keeping_dtype(array: Any, target: _Target) -> _Target:
    _known_library(array)
    return target._replace(dtype=dtype_name(array.dtype))


def _put(values: Any, target: _Target) -> Any:
    """Return host values or an array of any library as an array of the library of `target`."""
    refuse(target.library, target.dtype, target.device)
    there = adapter(target.library)
    is_array = array_api_compat.is_array_api_obj(values)
    if is_array and library_name(values) == target.library:
        moved = there.to_device(detached(values), target.device)
        return there.xp.astype(moved, getattr(there.xp, target.dtype), copy=False)
    host = np.asarray(to_numpy(values) if is_array else values, dtype=target.dtype)
    return there.from_numpy(host, target.device)


def _known_library(array: Any) -> str:
    if not array_api_compat.is_array_api_obj(array):
        raise TypeError(
            f"a {type(array).__name__} came where an array was expected: only tuples of arrays can "
            "be moved; xpnet.backend.asarray makes an array of host values"
        )
    name = library_name(array)
    if name not in LIBRARIES:
        raise TypeError(f"array of {name}: xpnet moves arrays of {', '.join(LIBRARIES)}")
    return name
