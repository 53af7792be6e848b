"""Kernels of one's own: CUDA's source, made for the processor by g++."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from cupy._array import ndarray, on_host
from cupy._function import Function
from cupy.cuda.compiler import CompileException
from tests.fused.cupy.compiling import KERNELS, library
from xpnet.fused.cupy.source import source

_MOST_AXES = 4


class RawModule:
    """``RawModule`` of cupy/_core/raw.pyx: compiled when one of its kernels is asked for."""

    def __init__(
        self,
        *,
        code: str,
        options: tuple[str, ...] = (),
        name_expressions: tuple[str, ...] | None = None,
    ) -> None:
        self.code, self.options, self.names = code, options, tuple(name_expressions or ())

    def get_function(self, name: str) -> Function:
        # The project's kernels at once: a compiler's start takes longer than each of them.
        names = KERNELS if self.code == source() else self.names
        try:
            run = library(self.code, self.options, names)
        except RuntimeError as error:
            raise CompileException(str(error)) from error
        return Function(name, run, names.index(name))


class Parameter(NamedTuple):
    """A parameter of an `ElementwiseKernel`, as ``ParameterInfo`` of _core/_kernel.pyx."""

    name: str
    ctype: str
    raw: bool


_RAW = f"""
template <class T>
struct Raw {{  // CArray of cupy/carray.cuh: entries in C's order, however they lie
  char* data;
  long long axes, shape[{_MOST_AXES}], strides[{_MOST_AXES}];
  T& operator[](long long i) const {{
    char* entry = data;
    for (long long axis = axes - 1; axis >= 0; axis--) {{
      entry += i % shape[axis] * strides[axis];
      i /= shape[axis];
    }}
    return *reinterpret_cast<T*>(entry);
  }}
}};
"""
_CTYPES = {"float32": "float", "float64": "double", "int64": "long long"}
_DTYPES = {ctype: name for name, ctype in _CTYPES.items()}
_BLOCK = 128  # ``linear_launch`` of cupy/cuda/function.pyx


class ElementwiseKernel:
    """``ElementwiseKernel`` of cupy/_core/_kernel.pyx, with raw arrays and numbers alone."""

    def __init__(
        self, in_params: str, out_params: str, operation: str, name: str = "kernel"
    ) -> None:
        self.in_params, self.out_params = _parameters(in_params), _parameters(out_params)
        self.operation, self.name = operation, name

    def __call__(self, *args: Any, size: int) -> None:
        params = (*self.in_params, *self.out_params)
        real = next(
            a.dtype.name for a, p in zip(args, params, strict=True) if p.raw and p.ctype == "T"
        )
        if size == 0:
            return
        values = [_value(a, p, real) for a, p in zip(args, params, strict=True)]
        run = _compiled(self.name, self.operation, params, real)
        grid = min(2**31 - 1, -(-size // _BLOCK))
        Function(self.name, run, 0)((grid,), (min(_BLOCK, size),), (size, *values))


def _parameters(text: str) -> tuple[Parameter, ...]:
    words = [part.split() for part in text.split(",")]
    return tuple(
        Parameter(each[-1], _CTYPES.get(each[-2], each[-2]), each[0] == "raw") for each in words
    )


def _ctype(parameter: Parameter, real: str) -> str:
    return _CTYPES[real] if parameter.ctype == "T" else parameter.ctype


def _value(argument: Any, parameter: Parameter, real: str) -> np.ndarray:
    """The bytes of an argument: a number of the parameter's own dtype, or the structure Raw."""
    dtype = real if parameter.ctype == "T" else _DTYPES[parameter.ctype]
    if not parameter.raw:
        return np.asarray([argument], dtype)
    host = on_host(argument)
    if not isinstance(argument, ndarray) or host.dtype != dtype:
        raise TypeError(f"{parameter.name}: expected an array of {dtype}")
    rest = (0,) * (_MOST_AXES - host.ndim)
    words = (host.ctypes.data, host.ndim, *host.shape, *rest, *host.strides, *rest)
    return np.asarray(words, np.int64).view(f"V{8 * len(words)}")


@cache
def _compiled(name: str, operation: str, params: tuple[Parameter, ...], real: str) -> Any:
    declared = (
        f"Raw<{_ctype(p, real)}> {p.name}" if p.raw else f"{_ctype(p, real)} {p.name}"
        for p in params
    )
    code = f"""{_RAW}
__global__ void {name}(long long size, {", ".join(declared)}) {{
  const long long threads = gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += threads) {{
    {operation};
  }}
}}
"""
    return library(code, ("-std=c++17",), (name,))
