"""CuPy's driver: its arrays, its rules for a kernel's arguments, and the modules it compiles.

Without a device, CuPy's arrays lie over host memory here, where the host-compiled kernels find it.
"""

from __future__ import annotations

import ctypes
import dataclasses
import platform
import sys
from types import SimpleNamespace
from typing import Any

import array_api_compat
import numpy as np
import pytest

import xpnet
from xpnet.fused import accelerate
from xpnet.fused.cupy import fuse
from xpnet.fused.cupy.source import options, source
from xpnet.kernels import VECTORIZED
from xpnet.types import Dense

if (sys.platform, platform.machine()) != ("linux", "x86_64"):
    pytest.importorskip("cupy")

import cupy

from xpnet.fused.cupy import device as fused_cupy

DEVICE = cupy.cuda.is_available()


class ArrayOverHost(cupy.ndarray):
    """A CuPy array over host memory; its products are NumPy's."""

    def __matmul__(self, other: ArrayOverHost) -> ArrayOverHost:
        return over(on_host(self) @ on_host(other))


def over(array: np.ndarray) -> ArrayOverHost:
    """A CuPy array of the memory of `array`, C-contiguous."""
    memory = cupy.cuda.UnownedMemory(array.ctypes.data, array.nbytes, array, device_id=0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return cupy.ndarray.__new__(ArrayOverHost, array.shape, array.dtype, pointer)


def on_host(array: ArrayOverHost) -> np.ndarray:
    """What lies in that memory, by the array's own account of it."""
    last = sum((n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True))
    buffer = (ctypes.c_char * (last + array.itemsize)).from_address(array.data.ptr)
    return np.ndarray(array.shape, array.dtype, buffer, strides=array.strides).copy()


@pytest.fixture
def kernels(host_device):
    """The record for CuPy's arrays, launched on the host after CuPy has seen the arguments."""
    function = cupy.cuda.function.Function.__new__(cupy.cuda.function.Function)
    stream = SimpleNamespace(ptr=0)

    def launch(name: str, dtype: np.dtype, grid: Any, block: Any, args: Any) -> None:
        if not DEVICE:
            # It converts all arguments before it finds that there is no driver.
            with pytest.raises(cupy.cuda.runtime.CUDARuntimeError):
                function(grid, block, args, stream=stream)
        host_device.launch(name, dtype, grid, block, args)

    def empty(shape: tuple[int, ...], dtype: Any) -> ArrayOverHost:
        return over(host_device.empty(shape, dtype))

    driver = fused_cupy.DRIVER._replace(launch=launch, empty=empty)
    host_device.driver = driver
    return fuse(VECTORIZED, driver)


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(on_host(ours), theirs, rtol=1e-12, atol=1e-12)


def test_a_layer_of_cupy_arrays(kernels, rng):
    W, b, dA, A_prev = (rng.normal(size=shape) for shape in [(3, 4), (3, 1), (3, 9), (4, 9)])
    mask = (rng.random((3, 9)) < 0.5) * 2.0
    there = [over(array) for array in (W, b, A_prev, mask)]
    layer = kernels.dense_activation("gelu", *there)
    expected = VECTORIZED.dense_activation("gelu", W, b, A_prev, mask)
    same(layer.Z, expected.Z)
    same(layer.A, expected.A)
    call = there[2], there[0]
    grads, dA_prev = kernels.activation_dense_backward(
        "gelu", over(dA), layer, *call, mask=there[3], decay=0.5
    )
    plain, dA_prev_plain = VECTORIZED.activation_dense_backward(
        "gelu", dA, expected, A_prev, W, mask=mask, decay=0.5
    )
    for ours, theirs in zip((*grads, dA_prev), (*plain, dA_prev_plain), strict=True):
        same(ours, theirs)


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "identity", "exp"])
def test_costs_of_cupy_arrays(kernels, rng, output):
    Z, Y, scale = rng.normal(size=(3, 9)), rng.random((9, 3)), rng.random((1, 9))
    J, dZ = kernels.output_cost_backward(output, over(Z), over(Y).T, over(scale))
    J_plain, dZ_plain = VECTORIZED.output_cost_backward(output, Z, Y.T, scale)
    same(J, J_plain)
    same(dZ, dZ_plain)


def test_updates_of_cupy_arrays(kernels, rng):
    trees = [(Dense(rng.random((2, 3, 4)), rng.random((2, 3, 1))),) for _ in range(4)]
    there = [tuple(Dense(over(W), over(b)) for W, b in tree) for tree in trees]
    rate = rng.random((2, 1, 1))
    settings = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    call, plain_call = ((*given[:2], tuple(given[2:])) for given in (there, trees))
    new, moments = kernels.update("adam", *call, rate=over(rate), **settings)
    plain, plain_moments = VECTORIZED.update("adam", *plain_call, rate=rate, **settings)
    for tree, plain_tree in zip((new, *moments), (plain, *plain_moments), strict=True):
        for ours, theirs in zip(tree[0], plain_tree[0], strict=True):
            same(ours, theirs)


def test_every_entry_is_replaced_for_cupy_arrays():
    xp = array_api_compat.array_namespace(over(np.zeros(1)))
    for entry in dataclasses.fields(VECTORIZED):
        assert getattr(accelerate(VECTORIZED, xp), entry.name) is not getattr(
            VECTORIZED, entry.name
        )


def test_each_kernel_is_a_module_of_its_own_compiled_once(monkeypatch):
    modules, calls = [], []

    def module(**settings: Any) -> Any:
        modules.append(settings)
        return SimpleNamespace(get_function=lambda name: lambda *args: calls.append((name, *args)))

    monkeypatch.setattr(cupy, "RawModule", module)
    fused_cupy._kernel.cache_clear()
    try:
        for _ in range(2):
            fused_cupy.DRIVER.launch("row_sums", np.dtype("float32"), (2, 1), (4, 1), (1, 2))
    finally:
        fused_cupy._kernel.cache_clear()
    assert calls == [("row_sums", (2, 1), (4, 1), (1, 2))] * 2
    assert modules == [
        {
            "code": source(),
            "options": options(np.dtype("float32")),
            "name_expressions": ("row_sums",),
        }
    ]


@pytest.mark.skipif(not DEVICE, reason="no CUDA device answers")
def test_a_training_on_the_device_agrees_with_numpy(rng):
    X, Y = rng.normal(size=(500, 20)), np.eye(4)[rng.integers(4, size=500)]
    net = xpnet.Network((20, 33, 4), "relu", "softmax")
    settings = {"optimizer": xpnet.optim.adam(1e-2), "epochs": 3, "batch_size": 64}
    results = []
    for name in ("numpy", "cupy"):
        X_there, Y_there = (
            xpnet.backend.asarray(array, backend=name, dtype="float64").T for array in (X, Y)
        )
        result = xpnet.fit(net, net.init(like=X_there), X_there, Y_there, **settings)
        results.append([row["cost"] for row in result.history])
    np.testing.assert_allclose(*results, rtol=1e-9)
