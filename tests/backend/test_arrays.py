"""Arrays that are made, brought to the host and moved; where and how a library computes."""

from __future__ import annotations

import importlib
import re
from itertools import product
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from xpnet import backend
from xpnet.backend.libraries import adapter
from xpnet.types import Dense, OptimizerState

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)
DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")


def dtype_of(array):
    return str(backend.to_numpy(array).dtype)


@pytest.fixture
def hosts():
    """Host values of every layout in memory, the arrays among them read-only."""
    arrays = VALUES.T, VALUES[:, ::-1], VALUES.astype(">f4"), np.zeros((0, 4), np.float32)
    for array in arrays:
        array.flags.writeable = False
    return *arrays, np.float32(3), [[1, 2], [3, 4]], 2.5


# asarray


def test_any_host_values_arrive(xp, hosts):
    for host in hosts:
        array = backend.asarray(host, backend=xp.backend)
        assert backend.where(array) == f"{xp.backend.name} on {xp.backend.device}"
        assert dtype_of(array) == "float32"
        np.testing.assert_array_equal(backend.to_numpy(array), host)


def test_default_backend_is_where_arrays_are_made(xp):
    with backend.use_backend(xp.backend.name, device=xp.backend.device, dtype="float64"):
        array = backend.asarray([1, 2])
    assert backend.where(array) == f"{xp.backend.name} on {xp.backend.device}"
    assert dtype_of(array) == "float64"


def test_like_gives_library_device_and_dtype(xp):
    for dtype in DTYPES:
        like = xp.asarray([0, 1], dtype)
        array = backend.asarray([1, 0], like=like)
        assert backend.where(array) == backend.where(like)
        assert array.dtype == like.dtype


def test_dtype_overrides_that_of_like(xp):
    for dtype in ("float64", xp.xp.float64):
        array = backend.asarray(VALUES, like=xp.asarray([0]), dtype=dtype)
        assert dtype_of(array) == "float64"


def test_arrays_of_the_library_are_cast_and_those_of_another_brought_over(xp):
    foreign = backend.asarray(VALUES, backend="array_api_strict", dtype="float64")
    native = xp.asarray(VALUES, "uint8")
    for values in (foreign, native, VALUES.astype(np.int64)):
        array = backend.asarray(values, backend=xp.backend)
        assert backend.where(array) == f"{xp.backend.name} on {xp.backend.device}"
        assert dtype_of(array) == "float32"
        np.testing.assert_array_equal(backend.to_numpy(array), VALUES)
        assert dtype_of(backend.asarray(values, like=array)) == "float32"


def test_jax_does_not_see_later_writes_to_the_host_array():
    pytest.importorskip("jax")
    host = np.zeros(2**16, np.float32)
    array = backend.asarray(host, backend="jax")
    host[:] = 1
    assert backend.to_numpy(array).sum() == 0


def test_like_and_backend_exclude_each_other():
    with pytest.raises(TypeError, match="both like and backend say where the array goes"):
        backend.asarray(VALUES, like=VALUES, backend="numpy")


@pytest.mark.usefixtures("jax_without_x64")
def test_double_precision_onto_jax_needs_its_switch():
    with pytest.raises(backend.BackendError, match=r"cannot hold float64.*JAX_ENABLE_X64=1"):
        backend.asarray(VALUES, backend="jax", dtype="float64")


# to_numpy


def test_to_numpy_keeps_dtype_and_values(xp):
    values = [[0, 1], [1, 1]]
    for dtype in DTYPES:
        host = backend.to_numpy(xp.asarray(values, dtype))
        assert type(host) is np.ndarray
        assert host.dtype == dtype
        np.testing.assert_array_equal(host, values)


def test_to_numpy_reads_torch_tensors_detached():
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(backend.to_numpy(torch.ones(2, requires_grad=True)), [1, 1])


def test_to_numpy_wants_an_array():
    with pytest.raises(TypeError):
        backend.to_numpy([1.0])


def test_to_numpy_wants_an_array_of_a_library_in_the_table():
    class Foreign:
        def __array_namespace__(self, *, api_version=None):
            return ModuleType("foreign")

    with pytest.raises(TypeError, match=r"^array of foreign: xpnet moves arrays of numpy, cupy, "):
        backend.to_numpy(Foreign())


# to_device


@pytest.fixture(scope="session")
def targets():
    usable = (info for info in backend.available_backends() if info.reason is None)
    return [backend.resolve(info.name, device=name) for info in usable for name in info.devices]


def test_there_and_back(xp, targets):
    assert len(targets) >= 4
    for target, dtype in product(targets, DTYPES):
        array = xp.asarray(VALUES, dtype)
        refusal = adapter(target.name).refusal
        if refusal is not None and (reason := refusal(dtype, target.device_object)) is not None:
            with pytest.raises(backend.BackendError, match=re.escape(reason)):
                backend.to_device(array, target)
            continue
        there = backend.to_device(array, target)
        assert backend.where(there) == f"{target.name} on {target.device}"
        assert dtype_of(there) == dtype
        back = backend.to_device(there, (Dense(array, None),))
        assert backend.where(back) == backend.where(array)
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(backend.to_numpy(back), VALUES.astype(dtype))


def test_records_keep_their_kind_and_numbers_their_value(xp):
    moments = (Dense(VALUES, None),)
    moved = backend.to_device(OptimizerState(3, (moments, moments)), xp.backend)
    assert isinstance(moved, OptimizerState)
    assert moved.t == 3
    _, (_, (layer,)) = moved
    assert isinstance(layer, Dense)
    assert layer.b is None
    assert backend.where(layer.W) == f"{xp.backend.name} on {xp.backend.device}"


def test_a_target_may_hold_numbers_and_none(xp):
    array = xp.asarray(VALUES)
    moved = backend.to_device(VALUES, (3, None, (2.5, True, array)))
    assert backend.where(moved) == backend.where(array)


def test_target_may_be_a_backends_name(xp):
    moved = backend.to_device(xp.asarray(VALUES, "float64"), "numpy")
    assert backend.where(moved) == "numpy on cpu"
    assert moved.dtype == np.float64


def test_target_may_be_a_device_of_the_arrays_own_library():
    array = backend.asarray(VALUES, backend="array_api_strict")
    moved = backend.to_device(array, "device2")
    assert backend.where(moved) == "array_api_strict on device2"


def test_unknown_target_lists_the_devices():
    with pytest.raises(backend.BackendError, match="'numpy' has no device 'device2' here: "):
        backend.to_device(VALUES, "device2")


def test_target_without_arrays_is_refused():
    with pytest.raises(TypeError, match="the target holds no array to lie beside"):
        backend.to_device(VALUES, (None,))


@pytest.mark.usefixtures("jax_without_x64")
@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_dtype_is_never_narrowed_in_silence(dtype):
    with pytest.raises(backend.BackendError, match=f"cannot hold {dtype}.*JAX_ENABLE_X64=1"):
        backend.to_device(VALUES.astype(dtype), "jax")


# detached, synchronize, free_memory, on_device_of, quiet


def test_detached_leaves_what_needs_no_detaching(xp):
    tree = (xp.asarray([1.0]), None, 3)
    assert all(new is old for new, old in zip(backend.detached(tree), tree, strict=True))


def test_detached_tensors_have_no_history():
    torch = pytest.importorskip("torch")
    W, b = torch.ones(2, requires_grad=True), torch.ones(1)
    (layer,) = backend.detached((Dense(W, b),))
    assert not layer.W.requires_grad
    assert layer.W.data_ptr() == W.data_ptr()
    assert layer.b is b


def test_synchronize_returns_when_the_array_is_there(xp):
    array = xp.asarray(VALUES) * 2
    backend.synchronize(array)
    np.testing.assert_array_equal(xp.to_numpy(array), 2 * VALUES)


def test_synchronize_computes_no_dask_graph():
    dask_array = pytest.importorskip("dask.array")

    computed = []

    def noted(block):
        computed.append(block)
        return block

    array = dask_array.ones(3).map_blocks(noted, meta=np.ones(0))
    backend.synchronize(array)
    assert not computed
    array.compute()
    assert computed


def test_free_memory_of_the_host_is_not_that_of_a_device():
    for name in ("numpy", "torch", "jax.numpy"):
        array = pytest.importorskip(name).asarray(VALUES)
        if backend.on_host(backend.near(array)):
            assert backend.free_memory(array) is None


def test_free_memory_of_a_device(cuda_device):
    array = cuda_device.asarray(VALUES)
    free = backend.free_memory(array)
    assert free is not None
    assert 0 < free < 2**50


def test_free_memory_is_what_torch_keeps_too(monkeypatch):
    torch = pytest.importorskip("torch")
    module = SimpleNamespace(
        mem_get_info=lambda device: (1_000, 9_000),
        memory_reserved=lambda device: 300,
        memory_allocated=lambda device: 200,
    )
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    assert backend.free_memory(torch.zeros(1)) == 1_100


def test_free_memory_on_jax_is_that_of_the_fullest_device():
    pytest.importorskip("jax")
    free_memory = adapter("jax").free_memory

    def array(*stats):
        devices = [SimpleNamespace(memory_stats=lambda found=found: found) for found in stats]
        return SimpleNamespace(devices=lambda: devices)

    full, empty = ({"bytes_limit": 1_000, "bytes_in_use": used} for used in (900, 100))
    assert free_memory(array(full, empty)) == 100
    assert free_memory(array(full, None)) is None


def test_where_a_library_computes_is_left_to_it(xp):
    with backend.on_device_of(xp.asarray([1.0])):
        assert xp.to_numpy(xp.asarray([1.0])) == [1.0]


def test_cupy_computes_on_the_device_of_the_array(second_cuda_device):
    cupy = pytest.importorskip("cupy")

    array = second_cuda_device.asarray([1.0])
    with backend.on_device_of(array):
        assert cupy.empty(1).device == array.device == cupy.cuda.Device(1)


@pytest.mark.parametrize("name", ["numpy", "array_api_strict"])
def test_quiet_says_nothing_of_numbers_that_overflow(name):
    huge = backend.asarray([3e38, -3e38], backend=name)
    for _ in range(2):
        with backend.quiet(huge):
            far = huge * huge
            assert backend.to_numpy(far - far).tolist() == pytest.approx([np.nan] * 2, nan_ok=True)
    with pytest.warns(RuntimeWarning, match="overflow"):
        huge * huge


def test_quiet_is_a_context_of_every_library(xp):
    with backend.quiet(xp.asarray([1.0])):
        inside = xp.to_numpy(xp.asarray([2.0]) * 3.0)
    assert inside.tolist() == [6.0]


@pytest.mark.parametrize("move", [backend.to_numpy, lambda tree: backend.to_device(tree, "numpy")])
def test_a_list_is_not_moved(move):
    with pytest.raises(TypeError, match=r"^a list came where an array was expected: only tuples"):
        move([np.ones(2)])


# transposed


def test_transposed(xp):
    X = xp.asarray(VALUES)
    for matrix in (X, xp.asarray(VALUES.T).T):
        np.testing.assert_array_equal(backend.to_numpy(backend.transposed(matrix)), VALUES.T)


def test_jax_transposes_once_for_as_long_as_a_matrix_is_there():
    jax = pytest.importorskip("jax")
    kept = importlib.import_module("xpnet.backend.adapters.jax")._kept
    X, Y = jax.numpy.asarray(VALUES), jax.numpy.asarray(2 * VALUES)
    rows = backend.transposed(X)
    np.testing.assert_array_equal(backend.transposed(Y), 2 * VALUES.T)
    assert backend.transposed(X) is rows
    assert len(kept) == 2
    del X
    assert len(kept) == 1
    del Y
    assert not kept


def test_jax_keeps_the_transpose_that_was_used_last():
    jax = pytest.importorskip("jax")
    X, *others = (jax.numpy.asarray(i * VALUES) for i in range(4))
    rows = backend.transposed(X)
    for other in others:
        backend.transposed(other)
        assert backend.transposed(X) is rows


def test_jax_keeps_no_transpose_that_was_traced():
    jax = pytest.importorskip("jax")
    X = jax.numpy.asarray(VALUES)
    jax.jit(lambda: backend.transposed(X))()
    np.testing.assert_array_equal(backend.transposed(X), VALUES.T)


def test_jax_traces_a_transpose():
    jax = pytest.importorskip("jax")
    np.testing.assert_array_equal(jax.jit(backend.transposed)(VALUES), VALUES.T)
