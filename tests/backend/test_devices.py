from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from xpnet import backend
from xpnet.backend import DeviceReport, device_report
from xpnet.backend.libraries import adapter
from xpnet.types import Dense


@pytest.fixture
def params():
    return (Dense(np.ones((2, 3)), np.zeros((2, 1))),)


@pytest.fixture
def on_device1():
    here = backend.resolve("array_api_strict", device="device1")
    return backend.asarray([[1.0, 2.0]], backend=here)


@pytest.fixture
def on_device2():
    here = backend.resolve("array_api_strict", device="device2")
    return backend.asarray([[1.0, 2.0]], backend=here)


def test_where_names_library_and_device(xp):
    expected = f"{xp.backend.name} on {xp.backend.device}"
    assert backend.where(xp.asarray([1.0])) == expected


def test_together_passes(xp, params):
    here = backend.to_device(params, xp.backend)
    arrays = {"X": xp.asarray([[1.0]]), "params": here, "sample_weight": None}
    assert backend.check_together(**arrays) is None


def test_nothing_is_together():
    assert backend.check_together(sample_weight=None) is None


def test_two_libraries(params, on_device1):
    with pytest.raises(TypeError) as caught:
        backend.check_together(X=on_device1, params=params)
    assert str(caught.value) == (
        "X lies in array_api_strict on device1, but params in numpy on cpu: "
        "move one to the other, as by params = xpnet.to_device(params, X)"
    )


def test_two_devices(on_device1, on_device2):
    with pytest.raises(TypeError, match=r"X lies in .*device1, but Y in .*device2: move one"):
        backend.check_together(X=on_device1, Y=on_device2)


def test_one_argument_in_two_places(on_device1, on_device2):
    with pytest.raises(TypeError, match=r"params lies partly in .*device1, partly in .*device2"):
        backend.check_together(params=(on_device1, on_device2))


def test_the_advice_works(params, on_device1):
    params = backend.to_device(params, on_device1)
    backend.check_together(X=on_device1, params=params)


@pytest.mark.parametrize("position", ["first", "second"])
def test_lists_are_no_arrays(params, position):
    trees = {"X": [[1.0]], "params": params}
    if position == "second":
        trees = dict(reversed(trees.items()))
    with pytest.raises(TypeError) as caught:
        backend.check_together(**trees)
    assert str(caught.value) == "X holds a list, expected an array: X = xpnet.backend.asarray(X)"


def test_a_table_can_be_made_an_array(params):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match=r"^X holds a DataFrame, .*: X = xpnet\.backend\.asarray"):
        backend.check_together(X=pandas.DataFrame([[1.0]]), params=params)


def test_torch_parameters_lie_beside_tensors():
    torch = pytest.importorskip("torch")
    backend.check_together(X=torch.ones(2), W=torch.nn.Parameter(torch.ones(2)))


def test_traced_arrays_go_with_any_device():
    jax = pytest.importorskip("jax")
    constant = jax.numpy.ones(2)

    @jax.jit
    def product(X):
        backend.check_together(X=X, W=constant)
        assert backend.where(X) == "jax"
        return X * constant

    np.testing.assert_array_equal(product(constant), [1, 1])


def test_traced_arrays_do_not_go_with_another_library(params):
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match="X lies in jax, but params in numpy on cpu"):
        jax.jit(lambda X: backend.check_together(X=X, params=params))(jax.numpy.ones(2))


@pytest.mark.parametrize(
    ("value", "kind"), [(3, "int"), (2.5, "float"), (True, "bool"), ("x", "str"), ({}, "dict")]
)
def test_what_is_no_array(value, kind):
    for others in ({}, {"Y": np.ones(2)}):
        with pytest.raises(TypeError, match=f"^X holds a {kind}, expected an array$"):
            backend.check_together(**others, X=value)


def test_an_adapter_may_say_where_its_arrays_lie_and_move_them(monkeypatch):
    there = {"attic": "attic", "cellar": "cellar"}
    moves = []

    def move(array, device):
        moves.append(device)
        return array

    bare = replace(
        adapter("array_api_strict"),
        devices=lambda: there,
        device_of=lambda array: moves[-1] if moves else "attic",
        to_device=move,
    )
    array = backend.asarray([1.0], backend="array_api_strict")
    adapter.cache_clear()
    monkeypatch.setattr("xpnet.backend.adapters.array_api_strict.ADAPTER", bare)
    try:
        assert backend.where(array) == "array_api_strict on attic"
        moved = backend.to_device(array, "cellar")
        assert backend.where(moved) == "array_api_strict on cellar"
    finally:
        adapter.cache_clear()


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(
    ("made", "message"),
    [
        (np.ma.masked_array, r"X holds a MaskedArray: its mask would get lost: .*X\.filled\(…\)"),
        (np.matrix, r"X holds a matrix: its \* multiplies matrices: X = np\.asarray\(X\)"),
    ],
)
def test_arrays_of_another_arithmetic(made, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        backend.check_together(X=made(np.ones((2, 3))))
    with pytest.raises(TypeError, match=f"^{message}$"):
        backend.check_together(W=np.ones((2, 3)), X=made(np.ones((2, 3))))


@pytest.mark.usefixtures("no_cuda")
def test_without_a_device_there_is_nothing_to_report():
    assert device_report() == ()


def test_without_cupy_there_is_nothing_to_report(without):
    without("cupy")
    assert device_report() == ()


@pytest.fixture
def two_models(monkeypatch, two_cuda_devices):
    """What CuPy says of two devices under CUDA 12.9, with a driver for 13.0."""
    from cupy import cuda

    properties = [{"name": b"Model A", "totalGlobalMem": 80}, {"name": b"B", "totalGlobalMem": 24}]
    monkeypatch.setattr(cuda.runtime, "getDeviceProperties", lambda index: properties[index])
    monkeypatch.setattr(cuda.runtime, "driverGetVersion", lambda: 13000)
    monkeypatch.setattr(cuda.runtime, "runtimeGetVersion", lambda: 12090)
    monkeypatch.setattr(cuda.device, "get_cublas_handle", lambda: "handle")
    version = {"handle": 120905}.__getitem__
    monkeypatch.setitem(vars(cuda), "cublas", SimpleNamespace(getVersion=version))


@pytest.mark.usefixtures("two_models")
@pytest.mark.parametrize(("setting", "matmul"), [("", "float32"), ("tf32", "tf32")])
def test_each_device_is_reported(monkeypatch, setting, matmul):
    monkeypatch.setenv("XPNET_MATMUL", setting)
    assert device_report() == (
        DeviceReport("cuda:0", "Model A", 80, "13.0", "12.9", "12.9", matmul),
        DeviceReport("cuda:1", "B", 24, "13.0", "12.9", "12.9", matmul),
    )


@pytest.mark.usefixtures("two_models")
def test_a_missing_cublas_names_the_command_that_brings_it(monkeypatch):
    from cupy import cuda

    def missing():
        raise ImportError("libcublas.so")

    monkeypatch.setattr(cuda.device, "get_cublas_handle", missing)
    assert device_report()[0].cublas == (
        "not found: pip install 'xpnet[cuda13]' (or 'xpnet[cuda12]' for an older driver) brings it"
    )
