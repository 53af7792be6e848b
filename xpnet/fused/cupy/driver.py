"""Launching of CUDA kernels: interface of a driver, instructions, kinds of arguments.

An argument is an array (the kernel gets its address), None (a null address), an int (``long
long``), a NumPy scalar, or a structure made by `by_value`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from xpnet.fused.cupy.source import MOST_THREADS, REALS
from xpnet.types import Array

Extent: TypeAlias = tuple[int, int]

MOST_BLOCKS = 1024  # along x, each of which goes through several stretches of its entries
ENOUGH_BLOCKS = 264  # that keep the 132 multiprocessors of a large device busy
LEAST_SEGMENT = 4096  # entries of a row; a second pass costs as much as a block's way through them


class NoKernelError(Exception):
    """A kernel cannot be compiled or started here."""


class Launch(NamedTuple):
    """A kernel by name, and what it is started with."""

    name: str
    grid: Extent
    block: Extent
    args: tuple[Any, ...]


class Product(NamedTuple):
    """``out = left @ right`` of matrices, or of stacks of them; either factor may be transposed.

    `out` is C-contiguous, and each factor is as `lies` takes it.
    """

    left: Array
    right: Array
    out: Array
    left_transposed: bool = False
    right_transposed: bool = False


Instruction: TypeAlias = Launch | Product


class Driver(NamedTuple):
    """Whoever compiles the source and launches its kernels.

    Attributes
    ----------
    launch : ``(name, dtype, grid, block, args) -> None``
        Runs a kernel by name, in the order of the calls; it need not wait for its end. It raises
        `NoKernelError` where the kernel cannot be compiled or started.
    empty : ``(shape, dtype) -> array``
    contiguous : ``(array) -> array``
        The array itself, or a C-contiguous copy.
    address : ``(array) -> int``
        Of its first entry, as kernels see it.
    place : ``() -> hashable``
        Where work goes now: what the calls of `bound` are bound to.
    bound : ``(instructions, dtype, moving) -> (*arrays) -> None``
        The instructions as one function, which raises as `launch` does. Those of their arrays that
        are `moving` (None aside) are replaced by its arguments.
    """

    launch: Callable[[str, np.dtype, Extent, Extent, tuple[Any, ...]], None]
    empty: Callable[..., Array]
    contiguous: Callable[[Array], Array]
    address: Callable[[Array], int]
    place: Callable[[], Any]
    bound: Callable[[Sequence[Instruction], np.dtype, Sequence[Array | None]], Callable[..., None]]


class Factor(NamedTuple):
    """A number for all networks, or the array that holds one for each."""

    number: np.generic
    entries: Array | None
    step: int  # from one network's entry to the next one's: 0 where they share it


def factor(driver: Driver, value: Any, like: Array) -> Factor | None:
    """`value` as what multiplies each network of `like (..., n, m)`; None if it cannot.

    Parameters
    ----------
    driver : Driver
    value : number or array
        An array has one entry, or has shape (..., 1, 1); it may be a strided view.
    """
    kind = like.dtype.type
    if isinstance(value, int | float):
        return Factor(kind(value), None, 0)
    if not isinstance(value, type(like)) or value.dtype != like.dtype:
        return None
    if value.size == 1:
        return Factor(kind(0), value, 0)
    if value.shape != (*like.shape[:-2], 1, 1):
        return None
    return Factor(kind(0), driver.contiguous(value), 1)


def one_real_dtype(*arrays: Array | None) -> bool:
    """Whether all arrays (None aside) have one dtype that there are kernels for."""
    dtypes = {array.dtype for array in arrays if array is not None}
    return len(dtypes) == 1 and dtypes.pop() in REALS


def by_value(values: np.ndarray) -> np.ndarray:
    """`values` as one structure that is passed to a kernel by value."""
    return values.reshape(-1).view(np.dtype((np.void, values.nbytes)))


def power_of_two(least: int, most: int = MOST_THREADS) -> int:
    """The smallest power of two from `least` on, but not above `most`."""
    return min(most, 1 << (least - 1).bit_length())


def row_grid(rows: int, m: int) -> tuple[Extent, Extent]:
    """Grid and block for kernels over ``(rows, m)``: a block of x a row, of y a segment of it.

    A row is divided only where it is long and rows are few: sums over it then take a second pass.
    """
    segments = max(1, min(m // LEAST_SEGMENT, ENOUGH_BLOCKS // rows))
    return (rows, segments), (power_of_two(m, 256), 1)


def lies(matrix: Array) -> tuple[bool, int] | None:
    """Whether a matrix lies by columns, not by rows, and how many entries these are apart.

    None if they are not one behind the other, which is what BLAS wants. The same for each matrix of
    a stack.
    """
    rows, columns = matrix.shape[-2:]
    of_row, of_column = (stride // matrix.itemsize for stride in matrix.strides[-2:])
    if (of_column == 1 or columns == 1) and (of_row >= columns or rows == 1):
        return False, max(of_row, columns) if rows > 1 else columns
    if (of_row == 1 or rows == 1) and (of_column >= rows or columns == 1):
        return True, max(of_column, rows) if columns > 1 else rows
    return None
