"""Instructions of a plan as calls of CUDA and cuBLAS through CuPy, with arguments packed once.

CuPy packs the arguments of a kernel anew at each start, which takes longer than the start itself;
and it multiplies stacks by arrays of pointers, and by copies of transposed factors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import cupy
import numpy as np

from xpnet.fused.cupy.compiler import kernel, started
from xpnet.fused.cupy.driver import Instruction, Launch, NoKernelError, Product, lies
from xpnet.types import Array

Call = Callable[[], object]

LETTERS = {"float32": "s", "float64": "d"}
"""What names of cuBLAS begin with for a dtype."""

AS_IT_LIES, TRANSPOSED = 0, 1  # cublasOperation_t


def place() -> tuple[int, int, int]:
    """The device, stream and cuBLAS handle that work goes to now."""
    device = cupy.cuda.device
    return device.get_device_id(), cupy.cuda.get_current_stream().ptr, device.get_cublas_handle()


def bound(
    instructions: Sequence[Instruction], dtype: np.dtype, moving: Sequence[Array | None]
) -> Callable[..., None]:
    """The instructions as one function of the arrays that move, for the current `place`."""
    calls = _Calls(dtype, moving)
    for instruction in instructions:
        calls.add(instruction)
    return calls.run


class Gemm(NamedTuple):
    """A function of cuBLAS by CuPy's name, and its arguments around a factor's address."""

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]


class _Late(NamedTuple):
    """A product whose right factor moves: its place among the calls, and what goes around it."""

    position: int
    slot: np.ndarray
    function: Callable[..., object]
    before: tuple[Any, ...]
    after: tuple[Any, ...]


class _Calls:
    """Calls with addresses, and all that lies there: numbers on the host, memory of the device."""

    def __init__(self, dtype: np.dtype, moving: Sequence[Array | None]) -> None:
        self._dtype, self._slots = dtype, [np.zeros(1, np.uint64) for _ in moving]
        self._slot_of = dict(zip(map(id, moving), self._slots, strict=True))
        self._slot_of.pop(id(None), None)
        self._device, self._stream, self._handle = place()
        self._named = "step", dtype.name  # which NumPy would make anew at each run
        self._one, self._zero = np.ones(1, dtype), np.zeros(1, dtype)
        self._calls: list[Call] = []
        self._late: list[_Late] = []
        self._kept: list[Any] = []

    def run(self, *arrays: Array | None) -> None:
        """Run all of it on these arrays."""
        for slot, array in zip(self._slots, arrays, strict=True):
            if array is not None:
                data = array.data
                if data.device_id != self._device:
                    raise NoKernelError
                slot[0] = data.ptr
        for late in self._late:
            address = int(late.slot[0])
            call = partial(late.function, *late.before, address, *late.after)
            self._calls[late.position] = call
        started(self._named, self._run)

    def _run(self) -> None:
        for call in self._calls:
            call()

    def add(self, instruction: Instruction) -> None:
        """Append an instruction."""
        if isinstance(instruction, Launch):
            self._launch(instruction)
        else:
            self._multiply(instruction)

    def _launch(self, launch: Launch) -> None:
        named = launch.name, self._dtype
        function = started(named, lambda: kernel(*named).kernel)
        values = [self._value(argument) for argument in launch.args]
        addresses = np.asarray([value.ctypes.data for value in values], np.uint64)
        self._kept.append((function, values, addresses))
        extents = *launch.grid, 1, *launch.block, 1
        arguments = *extents, 0, self._stream, addresses.ctypes.data, 0
        self._calls.append(partial(cupy.cuda.driver.launchKernel, function.ptr, *arguments))

    def _value(self, argument: Any) -> np.ndarray:
        """What a launch copies of an argument: memory that is read at each start."""
        if id(argument) in self._slot_of:
            return self._slot_of[id(argument)]
        if isinstance(argument, cupy.ndarray):
            self._kept.append(argument)
            return np.asarray([argument.data.ptr], np.uint64)
        if isinstance(argument, np.ndarray):
            return argument
        return np.asarray([0 if argument is None else argument])

    def _multiply(self, product: Product) -> None:
        gemm = gemm_of(product, self._handle, self._one.ctypes.data, self._zero.ctypes.data)
        name, before, after = gemm
        function, right = getattr(cupy.cuda.cublas, name), product.right
        self._kept.append((product.left, product.out))
        if id(right) in self._slot_of:
            slot = self._slot_of[id(right)]
            self._late.append(_Late(len(self._calls), slot, function, before, after))
        else:
            self._kept.append(right)
        self._calls.append(partial(function, *before, right.data.ptr, *after))


def gemm_of(product: Product, handle: int, one: int, zero: int) -> Gemm:
    """The function of cuBLAS that makes a product, and its arguments around the right factor."""
    left, right, out = product.left, product.right, product.out
    *networks, p, q = out.shape
    k = left.shape[-2 if product.left_transposed else -1]
    # cuBLAS's matrices lie by columns. By rows, they are its transposes: out' = right' left'.
    op_a, ld_a, step_a = _operand(right, product.right_transposed)
    op_b, ld_b, step_b = _operand(left, product.left_transposed)
    name = f"{LETTERS[out.dtype.name]}gemm"
    before = handle, op_a, op_b, q, p, k, one
    B, C = left.data.ptr, out.data.ptr
    if not networks:
        return Gemm(name, before, (ld_a, B, ld_b, zero, C, q))
    after = (ld_a, step_a, B, ld_b, step_b, zero, C, q, p * q, *networks)
    return Gemm(f"{name}StridedBatched", before, after)


def _operand(array: Array, transposed: bool) -> tuple[int, int, int]:
    """A factor for cuBLAS: its operation, the distance of its rows or columns, of its matrices."""
    found = lies(array)
    assert found is not None, "what no product takes has been refused"
    by_columns, distance = found
    step = array.strides[0] // array.itemsize if array.ndim > 2 else 0
    return TRANSPOSED if by_columns != transposed else AS_IT_LIES, distance, step
