"""CuPy's rules: those that need no device by the installed CuPy, too, and all by one that answers.

Each row names the source of CuPy that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import cupy
import numpy as np
import pytest

from tests.standin.place import device_answers, needs_real_cupy

HOST = np.arange(6.0).reshape(2, 3)


class Place(NamedTuple):
    """A CuPy, an array of the numbers of `HOST` there, and how a kernel takes an argument."""

    xp: Any
    array: Any
    pass_argument: Callable[[Any], object]


def outcome(action: Callable[..., Any], *args: Any) -> Any:
    """What `action` returns, or the kind of its error."""
    try:
        return action(*args)
    except Exception as error:
        return type(error)


def launched(xp: Any) -> Callable[[Any], object]:
    """A launch as far as the arguments go: without a driver no kernel can be made."""
    kernel = xp.cuda.function.Function
    empty = kernel.__new__(kernel)
    return lambda argument: empty((1,), (1,), (argument,), stream=xp.cuda.Stream.null)


@pytest.fixture(params=["in place", "installed"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The CuPy that tests import, and the installed one over memory of the host."""
    if request.param == "in place":
        answers = device_answers()
        yield Place(
            cupy, cupy.asarray(HOST), launched(cupy) if answers else cupy._function.argument_bytes
        )
        return
    for xp in needs_real_cupy():
        memory = xp.cuda.UnownedMemory(HOST.ctypes.data, HOST.nbytes, HOST, device_id=0)
        array = xp.ndarray(HOST.shape, HOST.dtype, xp.cuda.MemoryPointer(memory, 0))
        yield Place(xp, array, launched(xp))


WITHOUT_A_DEVICE = {
    # cupy/_core/core.pyx
    "__array__": (lambda xp, a: np.asarray(a), TypeError),
    "__matmul__": (lambda xp, a: a @ HOST.T, TypeError),
    "__bool__": (lambda xp, a: bool(a), ValueError),
    "__iter__": (lambda xp, a: iter(a[0, 0]), TypeError),
    "__iter__ of rows": (lambda xp, a: [row.shape for row in a], [(3,), (3,)]),
    "__len__": (lambda xp, a: len(a[0, 0]), TypeError),
    "__hash__": (lambda xp, a: hash(a), TypeError),
    "astype": (lambda xp, a: a.astype("float64", copy=False) is a, True),
    "ascontiguousarray": (lambda xp, a: xp.ascontiguousarray(a) is a, True),
    "flags": (lambda xp, a: (a.T.flags.c_contiguous, a.T.flags.f_contiguous), (False, True)),
    "base": (lambda xp, a: a.base, None),
    "base of a view": (lambda xp, a: a[0].base is a, True),
    "base of a view of a view": (lambda xp, a: a.T[1:].swapaxes(0, 1).base is a, True),
    "set a list": (lambda xp, a: a.set([1.0]), TypeError),
    "set another dtype": (lambda xp, a: a.set(HOST.astype("int64")), TypeError),
    "set another shape": (lambda xp, a: a.set(HOST.T), ValueError),
    "set what is strided": (lambda xp, a: a[:, ::2].set(HOST[:, ::2]), RuntimeError),
    # cupy/_core/_routines_indexing.pyx
    "an entry": (lambda xp, a: a[0, 0].shape, ()),
    "a new axis": (lambda xp, a: a[None].shape, (1, 2, 3)),
    "every second": (lambda xp, a: a[:, ::2].strides, (24, 16)),
    "backwards": (lambda xp, a: a[::-1].data.ptr - a.data.ptr, 24),
    "__setitem__": (lambda xp, a: a.__setitem__(slice(None), HOST), ValueError),
    # cupy/_core/_routines_manipulation.pyx, cupy/_manipulation
    "transpose": (lambda xp, a: a.T.strides, (8, 24)),
    "swapaxes": (lambda xp, a: a.swapaxes(0, 1).strides, (8, 24)),
    "reshape": (lambda xp, a: a.reshape(3, 2).strides, (16, 8)),
    "broadcast_to": (lambda xp, a: xp.broadcast_to(a[0], (4, 3)).strides, (0, 8)),
    "matrix_transpose": (lambda xp, a: xp.matrix_transpose(a).shape, (3, 2)),
    "stack": (lambda xp, a: xp.stack([a, HOST]), TypeError),
    # cupy/__init__.py, cupy/linalg/__init__.py
    "vecdot": (lambda xp, a: xp.vecdot, AttributeError),
    "linalg.vecdot": (lambda xp, a: xp.linalg.vecdot, AttributeError),
    "unstack": (lambda xp, a: xp.unstack, AttributeError),
    "get_array_module": (lambda xp, a: xp.get_array_module(a) is xp, True),
    # cupy/cuda/device.pyx
    "device": (lambda xp, a: a.device == xp.cuda.Device(0), True),
    "another device": (lambda xp, a: xp.cuda.Device(0) == xp.cuda.Device(1), False),
    "a device's number": (lambda xp, a: int(xp.cuda.Device(1)), 1),
    "a number is no device": (lambda xp, a: xp.cuda.Device(1) == 1, False),
    "hash of a device": (lambda xp, a: hash(xp.cuda.Device(0)), TypeError),
    "repr of a device": (lambda xp, a: repr(xp.cuda.Device(1)), "<CUDA Device 1>"),
    # cupy/_core/_kernel.pyx
    "parameters": (
        lambda xp, a: [
            (p.name, p.ctype, p.raw)
            for p in xp.ElementwiseKernel("raw T X, int64 n", "raw T Y", "", "k").in_params
        ],
        [("X", "T", True), ("n", "long long", False)],
    ),
}


@pytest.mark.parametrize("rule", WITHOUT_A_DEVICE)
def test_without_a_device(place, rule):
    action, expected = WITHOUT_A_DEVICE[rule]
    assert outcome(action, place.xp, place.array) == expected


@pytest.mark.parametrize("argument", [HOST, "text", [1]], ids=["array", "text", "list"])
def test_what_is_no_argument_of_a_kernel(place, argument):
    # cupy/cuda/function.pyx, _pointer
    with pytest.raises(TypeError):
        place.pass_argument(argument)


ON_A_DEVICE = {
    # cupy/_core/_scalar.pyx, CScalar
    "array of NumPy": (lambda a: a + HOST, TypeError),
    "before": (lambda a: HOST + a, TypeError),
    "in place": (lambda a: a.__iadd__(HOST), TypeError),
    "compared": (lambda a: a == HOST, TypeError),
    "ufunc of NumPy": (lambda a: np.add(a, HOST), TypeError),
    "ufunc": (lambda a: cupy.exp(HOST), TypeError),
    "where": (lambda a: cupy.where(a, HOST, a), TypeError),
    "list": (lambda a: a.__add__([1.0]) + a, TypeError),
    # NEP 50, as cupy/_core/_kernel.pyx follows it
    "scalar of Python": (lambda a: (a.astype("float32") + 1.0).dtype, np.dtype("float32")),
    "scalar of NumPy": (lambda a: (a.astype("float32") + np.float64(1)).dtype, np.dtype("float64")),
    # cupy/_core/_routines_math.pyx, _routines_statistics.pyx
    "sum": (lambda a: type(a.sum()) is cupy.ndarray and a.sum().shape, ()),
    "max": (lambda a: type(cupy.max(a)) is cupy.ndarray, True),
    "argmax": (lambda a: type(cupy.argmax(a)) is cupy.ndarray, True),
    "all": (lambda a: type(cupy.all(a)) is cupy.ndarray, True),
    "norm": (lambda a: type(cupy.linalg.norm(a)) is cupy.ndarray, True),
    # cupy/_core/core.pyx
    "item": (lambda a: a.sum().item(), 15.0),
    "float": (lambda a: float(a.sum()), 15.0),
    "get": (lambda a: type(a.get()), np.ndarray),
    "format": (lambda a: f"{a[1, 2]:.2f}", "5.00"),
    "asarray": (lambda a: cupy.asarray(a) is a, True),
    "array": (lambda a: cupy.array(a) is a, False),
    "order of a transposed view": (lambda a: cupy.array(a.T).strides, (8, 24)),
    "order of NumPy's array": (lambda a: cupy.asarray(HOST.T).strides, (8, 24)),
    "arrays in a list": (lambda a: cupy.asarray([a[0, 0], a[0, 1]]).get().tolist(), [0.0, 1.0]),
    "mask": (lambda a: a[a > 3.0].get().tolist(), [4.0, 5.0]),
    "rows of the host": (lambda a: a[np.asarray([1, 0])].get().tolist(), HOST[::-1].tolist()),
    "nothing": (lambda a: cupy.empty((0, 3)).data.ptr, 0),
    "a product of scalars": (lambda a: a @ a[0, 0], ValueError),
    # cupy/cuda/memory.pyx: what is freed is handed out next
    "free in the pool": (lambda a: cupy.get_default_memory_pool().free_bytes() >= 0, True),
    # cupy_backends/cuda/api/runtime.pyx: free and in all
    "memGetInfo": (lambda a: len(cupy.cuda.runtime.memGetInfo()), 2),
    "the pool": (lambda a: cupy.empty(999).data.ptr == cupy.empty(999).data.ptr, True),
}


@pytest.mark.parametrize("rule", ON_A_DEVICE)
def test_on_a_device(rule):
    action, expected = ON_A_DEVICE[rule]
    assert outcome(action, cupy.asarray(HOST)) == expected


@pytest.fixture
def there(second_cuda_device) -> Any:
    """An array of the second device, seen from the first."""
    with cupy.cuda.Device(1):
        return cupy.asarray(HOST)


def test_an_operand_of_another_device(there):
    # cupy/_core/_kernel.pyx, _check_peer_access: which of the two depends on the devices
    with pytest.raises((ValueError, Warning), match="is different from the current device"):
        there + 1.0


def test_views_of_another_device(there):
    assert there.T[1:, :].device == there.device == cupy.cuda.Device(1)


def test_reads_of_another_device(there):
    assert there.get().tolist() == HOST.tolist()


def test_copies_come_to_the_current_device(there):
    # cupy/_core/core.pyx, copy
    for copied in (there.copy(), cupy.asarray(there), cupy.array(there.T)):
        assert copied.device == cupy.cuda.Device(0)
    with pytest.raises(NotImplementedError, match="non-contiguous array between devices"):
        cupy.asarray(there[:, ::2])


def test_the_current_device_is_each_threads_own(second_cuda_device):
    with cupy.cuda.Device(1):
        assert cupy.cuda.Device().id == 1
        with cupy.cuda.Device(0):
            assert cupy.empty(1).device.id == 0
        assert cupy.empty(1).device.id == 1
    assert cupy.cuda.Device().id == 0


def test_memory_of_the_second_device_is_its_own(there):
    freed = there.data.ptr
    del there
    assert cupy.empty(HOST.shape).data.ptr != freed
