"""Functions of the module: making arrays, and NumPy's under CuPy's rules."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from cupy._array import call, from_host, lying, ndarray, on_host, viewed
from cupy._core._routines_linalg import matmul
from cupy._counts import note
from cupy.cuda.device import current_device
from cupy.cuda.memory import allocate

COMPUTING = """
    abs absolute add all allclose amax amin any arange arccos arccosh arcsin arcsinh arctan arctan2
    arctanh argmax argmin argsort argwhere around array_equal average bincount bitwise_and
    bitwise_or bitwise_xor ceil clip column_stack concatenate conj copysign cos cosh count_nonzero
    cross cumprod cumsum diag diff divide dot einsum equal exp expm1 eye flip floor floor_divide
    fmax fmin full full_like greater greater_equal hstack hypot invert isclose isfinite isin isinf
    isnan left_shift less less_equal linspace log log10 log1p log2 logaddexp logical_and
    logical_not logical_or logical_xor max maximum mean median meshgrid min minimum mod multiply
    nan_to_num nanmax nanmean nanmin nansum negative nextafter nonzero not_equal ones ones_like
    outer pad percentile positive power prod quantile reciprocal remainder repeat right_shift roll
    round searchsorted sign signbit sin sinh sort split sqrt square stack std subtract sum take
    take_along_axis tan tanh tensordot tile tril triu trunc unique var vdot vstack where zeros
    zeros_like
"""
"""Each is one launch and new memory."""

VIEWING = """
    atleast_1d atleast_2d broadcast_to diagonal expand_dims imag matrix_transpose moveaxis
    permute_dims ravel real reshape squeeze swapaxes transpose
"""
"""Each makes a view of its first operand, if it can, on whatever device that lies."""

OF_DTYPES = """
    broadcast_shapes can_cast finfo iinfo isdtype isscalar issubdtype ndim promote_types result_type
"""
"""These ask no device."""

NAMES = """
    bool_ complex128 complex64 complexfloating dtype e float16 float32 float64 floating generic
    inexact inf int16 int32 int64 int8 integer intp nan newaxis number pi signedinteger uint16
    uint32 uint64 uint8 unsignedinteger
"""
"""NumPy's own."""


def array(
    obj: Any,
    dtype: Any = None,
    copy: bool | None = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> ndarray:
    """``array`` of cupy/_core/core.pyx: a copy comes to lie on the current device."""
    if isinstance(obj, ndarray):
        if obj.device.id != current_device():
            obj = obj.copy(order)
        return obj.astype(obj.dtype if dtype is None else dtype, order, copy=copy)
    if isinstance(obj, list | tuple) and any(isinstance(part, ndarray) for part in obj):
        return array(call("stack", np.stack, [array(part) for part in obj]), dtype, False)
    host = np.array(obj, dtype, order=order, ndmin=ndmin)
    if host.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    note("copies", host.nbytes)
    return from_host(host)


def asarray(a: Any, dtype: Any = None, order: str = "K", *, blocking: bool = False) -> ndarray:
    return array(a, dtype, False, order or "K", blocking=blocking)


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    a = asarray(a, dtype)
    if a.flags.c_contiguous:
        return a.ravel() if a.ndim == 0 else a
    return call("copy", np.ascontiguousarray, a)


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None) -> np.ndarray:
    return a.get(order=order) if isinstance(a, ndarray) else np.asarray(a, order=order)


def astype(x: ndarray, dtype: Any, /, *, copy: bool = True) -> ndarray:
    return x.astype(dtype, copy=copy)


def broadcast_arrays(*arrays: ndarray) -> list[ndarray]:
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return [viewed(np.broadcast_to, a, shape) for a in arrays]


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return ndarray(shape, dtype, order)


def empty_like(a: ndarray, dtype: Any = None, order: str = "K", shape: Any = None) -> ndarray:
    host = np.empty_like(a._host, dtype, order, shape=shape)
    fortran = host.flags.fnc
    return lying(allocate(host.shape, host.dtype, "F" if fortran else "C"), current_device())


def from_dlpack(array: Any, *, device: Any = None, copy: Any = None) -> ndarray:
    """``from_dlpack`` of cupy/_core/dlpack.pyx, which takes no device."""
    if device is not None:
        raise NotImplementedError("from_dlpack() does not support device yet.")
    return array if isinstance(array, ndarray) else asarray(np.from_dlpack(array))


def get_array_module(*args: Any) -> Any:
    import cupy

    return cupy if any(isinstance(a, ndarray) for a in args) else np


def numpys(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`function` of NumPy as one launch."""

    @functools.wraps(function)
    def own(*operands: Any, **options: Any) -> Any:
        return call(name, function, *operands, **options)

    return own


def _view(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def own(array: ndarray, *operands: Any, **options: Any) -> Any:
        if not isinstance(array, ndarray):
            on_host(array)  # raises for an array of NumPy
            array = asarray(array)
        return viewed(function, array, *operands, **options)

    return own


def _of_dtypes(function: Callable[..., Any]) -> Any:
    if isinstance(function, type):
        return function

    @functools.wraps(function)
    def own(*args: Any, **options: Any) -> Any:
        return function(*(a._host if isinstance(a, ndarray) else a for a in args), **options)

    return own


FUNCTIONS: dict[str, Any] = {
    **{name: numpys(getattr(np, name), name) for name in COMPUTING.split()},
    **{name: _view(getattr(np, name)) for name in VIEWING.split()},
    **{name: _of_dtypes(getattr(np, name)) for name in OF_DTYPES.split()},
    **{name: getattr(np, name) for name in NAMES.split()},
    "matmul": numpys(matmul, "matmul"),
}
"""What the module has of NumPy's, by name. All else is missing, as far as CuPy has it or not."""
