"""Arrays over memory of a device, and who may meet whom.

Numbers lie in NumPy's memory; the rules are CuPy's, each named where it is kept.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cupy._core._routines_linalg import matmul
from cupy._counts import note
from cupy.cuda.device import Device, current_device
from cupy.cuda.memory import MemoryPointer, allocate, block_of, is_pinned, unowned
from cupy.cuda.stream import Stream, get_current_stream

_CUDA, _CPU = 2, (1, 0)  # as DLPack numbers devices
_NUMBERS = (bool, int, float, complex, np.generic)

# copy_to_host_async and copy_from_host_async of cupy/cuda/memory.pyx
_CAPTURING = "the current stream is capturing, so {} transfers are disallowed"
# setStream of cupy_backends/cuda/libs/cublas.pyx
_NO_CUBLAS = "calling cuBLAS API during stream capture is currently unsupported"


class ndarray:  # noqa: N801 (CuPy's name)
    """An array of a device."""

    __slots__ = ("__weakref__", "_device", "_host", "base")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __new__(cls, shape: Any = (), dtype: Any = float, order: str = "C") -> ndarray:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        return lying(allocate(shape, dtype, order), current_device())

    # Attributes: cupy/_core/core.pyx, class _ndarray_base

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: self._host.flags)
    device = property(lambda self: Device(self._device))
    data = property(lambda self: MemoryPointer(self._host, self._device))
    T = property(lambda self: self._view(self._host.T))
    mT = property(lambda self: self._view(self._host.mT))
    real = property(lambda self: self._view(self._host.real))
    imag = property(lambda self: self._view(self._host.imag))

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[ndarray]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[index] for index in range(len(self)))

    # Reads by the host: nothing is read unasked, by __array__ of core.pyx

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to "
            "construct a NumPy array explicitly."
        )

    def get(self, stream: Any = None, order: str = "C", out: Any = None) -> np.ndarray:
        return self._read("get").copy(order)

    def item(self, *index: int) -> Any:
        return self._read("item").item(*index)

    def tolist(self) -> Any:
        return self._read("tolist").tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self._read("tobytes").tobytes(order)

    def __bool__(self) -> bool:
        return bool(self._read("bool"))

    def __int__(self) -> int:
        return int(self._read("int"))

    def __float__(self) -> float:
        return float(self._read("float"))

    def __complex__(self) -> complex:
        return complex(self._read("complex"))

    def __repr__(self) -> str:
        return repr(self._read("repr"))

    def __format__(self, form: str) -> str:
        host = self._read("format")
        return format(host.item() if host.ndim == 0 else host, form)

    def __reduce__(self) -> Any:
        return from_host, (self.get(),)

    def _read(self, what: str) -> np.ndarray:
        get_current_stream().refuse_capture(_CAPTURING.format("D2H"), RuntimeError)
        note("reads", what)
        get_current_stream().synchronize()
        return self._host

    # Exchange with other libraries: __dlpack__ of core.pyx

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CUDA, self._device

    def __dlpack__(self, *, dl_device: Any = None, max_version: Any = None, **options: Any) -> Any:
        if dl_device != _CPU:
            raise BufferError("no other library can read this memory")
        return self.get().__dlpack__(max_version=max_version)

    # Copies: the rules of set, copy and _astype of core.pyx

    def set(self, arr: np.ndarray, stream: Stream | None = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        stream = stream or get_current_stream()
        stream.refuse_capture(_CAPTURING.format("H2D"), RuntimeError)
        note("copies", arr.nbytes)
        there, host = unowned(self._host), arr if is_pinned(arr) else arr.copy()
        stream.later(lambda: np.copyto(there, host))

    def copy(self, order: str = "C") -> ndarray:
        """A copy on the current device."""
        if self._device != current_device() and order == "K" and not _has_an_order(self._host):
            raise NotImplementedError("CuPy cannot copy non-contiguous array between devices.")
        _note_launch("copy")
        return from_host(self._host.copy(order))

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: Any = True
    ) -> ndarray:
        if not copy and self.dtype == dtype:
            return self
        return call("astype", lambda host: host.astype(dtype, order), self)

    # Entries: cupy/_core/_routines_indexing.pyx; basic indexing is a view, on any device

    def __getitem__(self, index: Any) -> ndarray:
        parts = index if isinstance(index, tuple) else (index,)
        if all(part is None or isinstance(part, int | slice | type(...)) for part in parts):
            # Otherwise NumPy would make a scalar of a single entry.
            whole = parts if ... in parts else (*parts, ...)
            return self._view(self._host[whole])
        _note_mask(parts)
        hosts = tuple(_index(part) for part in parts)
        return call("getitem", lambda host: np.asarray(host[hosts]), self)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        parts = index if isinstance(index, tuple) else (index,)
        _note_launch("setitem")
        on_host(self)[tuple(_index(part) for part in parts)] = _index(value)

    # NumPy's functions of CuPy's arrays: __array_ufunc__ and __array_function__ of core.pyx

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return call(ufunc.__name__, ufunc, *inputs, **options)

    def __array_function__(self, func: Any, types: Any, args: Any, options: Any) -> Any:
        import cupy

        own = getattr(cupy, func.__name__, None)
        return NotImplemented if own is None else own(*args, **options)

    def _view(self, host: np.ndarray) -> ndarray:
        return on_device(host, self._device, self)


def lying(host: np.ndarray, device: int, base: ndarray | None = None) -> ndarray:
    """The array over `host`, which is memory of that device.

    A view holds the array whose memory it is, not one between them: ``_view`` of core.pyx.
    """
    array = object.__new__(ndarray)
    array._host, array._device = host, device
    array.base = base if base is None or base.base is None else base.base
    return array


def from_host(host: np.ndarray) -> ndarray:
    """A copy of `host` in new memory of the current device, of the same order.

    The current stream writes it in its turn, so `host` must stay as it is:
    ``copy_from_host_async`` of cupy/cuda/memory.pyx.
    """
    array = lying(
        allocate(host.shape, host.dtype, "F" if host.flags.fnc else "C"), current_device()
    )
    there = unowned(array._host)
    get_current_stream().later(lambda: np.copyto(there, host))
    return array


def on_host(value: Any) -> Any:
    """What NumPy computes with in place of `value`, an operand or nested operands.

    Raises
    ------
    TypeError
        For an array of NumPy: ``CScalar`` of cupy/_core/_scalar.pyx takes none.
    ValueError
        For an array of another device: ``_check_peer_access`` of cupy/_core/_kernel.pyx. Devices
        that can read one another's memory give a PerformanceWarning there.
    """
    if isinstance(value, ndarray):
        if value._device != current_device():
            raise ValueError(
                f"The device where the array resides ({value._device}) is different from the "
                f"current device ({current_device()}). Peer access is unavailable between these "
                "devices."
            )
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(map(on_host, value))
    return value


def on_device(result: Any, device: int, base: ndarray | None = None) -> Any:
    """`result` of NumPy as CuPy gives it: an entry is an array, too; a view is one of `base`."""
    if isinstance(result, np.ndarray | np.generic) and result.dtype.kind in "biufc":
        result = np.asarray(result)
        is_view = block_of(result) is not None
        return lying(result, device, base) if is_view else from_host(result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(on_device(part, device, base) for part in result))
    if isinstance(result, tuple | list):
        return type(result)(on_device(part, device, base) for part in result)
    return result


def call(name: str, function: Callable[..., Any], *operands: Any, **options: Any) -> Any:
    """`function` of NumPy by CuPy's rules, as one launch."""
    hosts = [on_host(operand) for operand in operands]
    options = {key: on_host(value) for key, value in options.items()}
    _note_launch(name)
    with np.errstate(all="ignore"):
        return on_device(function(*hosts, **options), current_device())


def viewed(function: Callable[..., Any], array: ndarray, *operands: Any, **options: Any) -> Any:
    """`function` that makes a view if it can, of an array on any device; else it is one launch."""
    found = function(array._host, *operands, **options)
    if found.size and block_of(found) is None:
        _note_launch(function.__name__)
        found = function(array._host, *operands, **options)
    return on_device(found, array._device, array)


def _note_launch(name: str) -> None:
    """Count a launch of a kernel of CuPy's own, whose turn comes; the stand-in captures none."""
    why = _NO_CUBLAS if name == "matmul" else f"the stand-in does not capture CuPy's {name}"
    stream = get_current_stream()
    stream.refuse_capture(why)
    note("launches", name)
    stream.finish()


def _has_an_order(host: np.ndarray) -> bool:
    return host.flags.c_contiguous or host.flags.f_contiguous


def _index(part: Any) -> Any:
    """Part of an index, or a value: these may come from the host."""
    return part if isinstance(part, np.ndarray | list) else on_host(part)


def _note_mask(parts: tuple[Any, ...]) -> None:
    """A mask is read, as the size of the result depends on it."""
    if any(getattr(part, "dtype", None) == np.bool_ for part in parts):
        note("reads", "mask")


def _operator(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: ndarray, other: Any) -> Any:
        if not isinstance(other, (ndarray, np.ndarray, *_NUMBERS)):
            return NotImplemented
        return call(name, function, self, other)

    return method


def _reflected(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return _operator(name, lambda left, right: function(right, left))


def _in_place(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: ndarray, other: Any) -> ndarray:
        _note_launch(name)
        with np.errstate(all="ignore"):
            function(on_host(self), on_host(other))
        return self

    return method


def _method(name: str) -> Callable[..., Any]:
    """The method of that name of NumPy's arrays."""

    def method(self: ndarray, *operands: Any, **options: Any) -> Any:
        return call(name, getattr(np.ndarray, name), self, *operands, **options)

    return method


def _viewing_method(name: str) -> Callable[..., Any]:
    def method(self: ndarray, *operands: Any, **options: Any) -> Any:
        return viewed(getattr(np.ndarray, name), self, *operands, **options)

    return method


_METHODS = """
    all any argmax argmin argsort clip conj conjugate cumprod cumsum diagonal dot fill flatten max
    mean min nonzero prod repeat round searchsorted sort std sum take trace var
"""
_VIEWS = "ravel reshape squeeze swapaxes transpose view"
_BINARY = "add and floordiv lshift mod mul or pow rshift sub truediv xor"

for _name in _METHODS.split():
    setattr(ndarray, _name, _method(_name))
for _name in _VIEWS.split():
    setattr(ndarray, _name, _viewing_method(_name))
for _name in _BINARY.split():
    _function = getattr(operator, f"__{_name}__")
    setattr(ndarray, f"__{_name}__", _operator(_name, _function))
    setattr(ndarray, f"__r{_name}__", _reflected(_name, _function))
    setattr(ndarray, f"__i{_name}__", _in_place(_name, getattr(operator, f"__i{_name}__")))
ndarray.__matmul__ = _operator("matmul", matmul)
ndarray.__rmatmul__ = _reflected("matmul", matmul)
for _name in ["eq", "ge", "gt", "le", "lt", "ne"]:
    setattr(ndarray, f"__{_name}__", _operator(_name, getattr(operator, f"__{_name}__")))
ndarray.__hash__ = None
for _name in ["abs", "invert", "neg", "pos"]:
    setattr(ndarray, f"__{_name}__", _method(f"__{_name}__"))
