from __future__ import annotations

import sys
import threading
from contextlib import suppress

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest

import xpnet
from xpnet.backend import (
    Backend,
    BackendError,
    cuda_graph,
    default_backend,
    fusing,
    resolve,
    use_backend,
)
from xpnet.backend.libraries import LIBRARIES, adapter
from xpnet.backend.selection import tf32
from xpnet.types import Dense

NUMPY = Backend("numpy", "cpu", "float32")
STRICT = Backend("array_api_strict", "device1", "float64")


@pytest.fixture
def environment(monkeypatch):
    def set_variables(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"XPNET_{name}", value)

    return set_variables


@pytest.fixture
def strict_environment(environment):
    environment(BACKEND="array_api_strict", DEVICE="device1", DTYPE="float64")


@pytest.fixture
def restored():
    """Whatever `use_backend` chooses in the test is forgotten after it."""
    with use_backend():
        yield


def test_nothing_said_means_numpy_in_single_precision():
    assert default_backend() == NUMPY


@pytest.mark.usefixtures("strict_environment")
def test_environment_comes_before_the_fallback():
    assert default_backend() == STRICT


def test_empty_variables_say_nothing(environment):
    environment(BACKEND="", DEVICE="", DTYPE="")
    assert default_backend() == NUMPY


@pytest.mark.usefixtures("strict_environment")
def test_use_backend_comes_before_the_environment():
    with use_backend("numpy", dtype="float32"):
        assert default_backend() == NUMPY


@pytest.mark.usefixtures("strict_environment")
def test_argument_comes_before_use_backend():
    with use_backend("array_api_strict", device="device2"):
        assert resolve("numpy", dtype="float32") == NUMPY


@pytest.mark.usefixtures("strict_environment")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ("array_api_strict", "device1", "float64")),
        ({"device": "device2"}, ("array_api_strict", "device2", "float64")),
        ({"dtype": "float32"}, ("array_api_strict", "device1", "float32")),
        ({"name": "array_api_strict"}, ("array_api_strict", "device1", "float64")),
        ({"name": "numpy"}, ("numpy", "cpu", "float64")),
    ],
    ids=str,
)
def test_what_is_left_out_is_filled_from_below(asked, expected):
    assert resolve(**asked) == Backend(*expected)


def test_device_named_alone_is_for_any_library(environment):
    environment(DEVICE="device1")
    assert resolve("array_api_strict").device == "device1"
    with pytest.raises(BackendError, match=r"no device 'device1' here.*XPNET_DEVICE=device1"):
        resolve("numpy")


def test_unusable_environment_does_not_stop_an_explicit_choice(environment):
    environment(BACKEND="nonsense", DEVICE="nowhere", DTYPE="float8")
    assert resolve("numpy", dtype="float32") == NUMPY


@pytest.mark.usefixtures("restored")
def test_use_backend_holds_at_once():
    use_backend("array_api_strict", device="device1", dtype="float64")
    assert default_backend() == STRICT


def test_use_backend_restores_on_leaving():
    with use_backend("array_api_strict", device="device1", dtype="float64") as chosen:
        assert chosen == default_backend() == STRICT
    assert default_backend() == NUMPY


def test_use_backend_restores_after_an_error():
    with suppress(KeyError), use_backend("array_api_strict"):
        raise KeyError
    assert default_backend() == NUMPY


def test_use_backend_nests():
    with use_backend("array_api_strict", dtype="float64"):
        with use_backend(device="device2") as inner:
            assert inner == Backend("array_api_strict", "device2", "float64")
        assert default_backend().device == "cpu"


def test_failed_use_backend_leaves_the_choice():
    with pytest.raises(BackendError):
        use_backend("numpy", device="cuda:9")
    assert default_backend() == NUMPY


def test_choice_stays_in_its_thread():
    seen = []
    with use_backend("array_api_strict"):
        thread = threading.Thread(target=lambda: seen.append(default_backend()))
        thread.start()
        thread.join()
    assert seen == [NUMPY]


@pytest.mark.parametrize("namespace", [array_api_strict, array_api_compat.numpy])
def test_namespace_stands_for_its_library(namespace):
    assert resolve(namespace).xp is namespace


@pytest.mark.usefixtures("no_cuda")
def test_auto_is_numpy_without_a_device():
    assert resolve("auto") == NUMPY


def test_auto_is_numpy_without_cupy(without):
    without("cupy")
    assert resolve("auto") == NUMPY


@pytest.mark.usefixtures("two_cuda_devices")
def test_auto_is_cupy_where_a_device_answers(environment):
    environment(BACKEND="auto")
    assert default_backend() == Backend("cupy", "cuda:0", "float32")


@pytest.mark.usefixtures("two_cuda_devices")
def test_device_without_a_number_is_the_first():
    assert resolve("cupy", device="cuda").device == "cuda:0"
    assert resolve("cupy", device="cuda:1").device_object.id == 1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"BACKEND": "numpi"},
            f"backend 'numpi' is unknown: choose one of {', '.join(LIBRARIES)}, auto "
            "(asked for by XPNET_BACKEND=numpi)",
        ),
        (
            {"DEVICE": "cuda:1"},
            "backend 'numpy' has no device 'cuda:1' here: choose one of cpu "
            "(asked for by XPNET_DEVICE=cuda:1)",
        ),
        (
            {"DTYPE": "float16"},
            "dtype 'float16' is unknown: choose float32 or float64 "
            "(asked for by XPNET_DTYPE=float16)",
        ),
    ],
    ids=lambda case: "" if isinstance(case, str) else str(case),
)
def test_bad_variable_is_named(environment, variables, message):
    environment(**variables)
    with pytest.raises(BackendError) as caught:
        default_backend()
    assert str(caught.value) == message


def test_bad_argument_does_not_blame_the_environment(environment):
    environment(DTYPE="float64")
    with pytest.raises(BackendError) as caught:
        resolve("numpy", device="gpu", dtype="float32")
    assert str(caught.value) == "backend 'numpy' has no device 'gpu' here: choose one of cpu"
    environment(DEVICE="gpu")  # which the argument hides, though both are the same
    with pytest.raises(BackendError, match=r"here: choose one of cpu$"):
        resolve("numpy", device="gpu", dtype="float32")


@pytest.mark.usefixtures("jax_without_x64")
@pytest.mark.parametrize("source", ["argument", "environment"])
def test_double_precision_on_jax_needs_its_switch(environment, source):
    asked = {"dtype": "float64"} if source == "argument" else {}
    environment(DTYPE="float64")
    with pytest.raises(BackendError, match=r"cannot hold float64.*JAX_ENABLE_X64=1"):
        resolve("jax", **asked)


def test_backend_speaks_the_librarys_own_objects(xp):
    array = xp.xp.zeros(2, dtype=xp.backend.dtype_object, device=xp.backend.device_object)
    assert xp.to_numpy(array).dtype == xp.backend.dtype


@pytest.mark.parametrize(("switch", "expected"), [("0", False), ("1", True), ("", True)])
def test_the_switch_of_fused_kernels(environment, switch, expected):
    environment(FUSED=switch)
    assert fusing() is expected


def test_a_switch_that_is_none(environment):
    environment(FUSED="yes")
    with pytest.raises(BackendError, match=r"^XPNET_FUSED is 'yes': expected 0 "):
        fusing()


@pytest.mark.parametrize(
    ("switch", "expected"), [(None, False), ("", False), ("0", False), ("1", True)]
)
def test_the_switch_of_cuda_graphs(environment, switch, expected):
    if switch is not None:
        environment(CUDA_GRAPH=switch)
    assert cuda_graph() is expected


def test_a_switch_of_cuda_graphs_that_is_none(environment):
    environment(CUDA_GRAPH="yes")
    with pytest.raises(BackendError) as caught:
        default_backend()
    assert str(caught.value) == (
        "XPNET_CUDA_GRAPH is 'yes': expected 0 (a launch for each kernel) or 1 (one for a step)"
    )


@pytest.mark.parametrize("choose", [default_backend, lambda: use_backend("numpy")])
def test_graphs_are_refused_where_new_arrays_are_not_cupys(environment, choose):
    environment(CUDA_GRAPH="1")
    with pytest.raises(BackendError) as caught:
        choose()
    assert str(caught.value) == (
        "XPNET_CUDA_GRAPH=1, but training on numpy uses no CUDA graphs: unset it, or choose "
        "XPNET_BACKEND=cupy"
    )


@pytest.fixture
def afresh(monkeypatch):
    """``afresh("torch")``: the adapter as it is loaded first in a process."""

    def load(name):
        monkeypatch.delitem(sys.modules, f"xpnet.backend.adapters.{name}", raising=False)
        adapter.cache_clear()
        return adapter(name)

    yield load
    adapter.cache_clear()


@pytest.fixture
def asked_for(monkeypatch):
    monkeypatch.setenv("XPNET_MATMUL", "tf32")


@pytest.mark.parametrize("setting", [None, ""])
def test_products_are_full_float32_unless_asked(monkeypatch, setting):
    if setting is not None:
        monkeypatch.setenv("XPNET_MATMUL", setting)
    assert not tf32()


def test_an_unknown_setting_is_named(monkeypatch):
    monkeypatch.setenv("XPNET_MATMUL", "bf16")
    with pytest.raises(BackendError) as caught:
        default_backend()
    assert str(caught.value) == "XPNET_MATMUL is 'bf16': expected 'tf32', or leave it unset"


@pytest.mark.usefixtures("asked_for")
@pytest.mark.parametrize("choose", [default_backend, lambda: use_backend("numpy")])
def test_without_a_cuda_device_it_is_refused_where_new_arrays_are_chosen(choose):
    with pytest.raises(BackendError) as caught:
        choose()
    assert str(caught.value) == (
        "XPNET_MATMUL=tf32, but numpy on cpu has no TF32: unset it, or choose a CUDA device "
        "(XPNET_BACKEND=cupy, or torch with XPNET_DEVICE=cuda)"
    )


@pytest.mark.usefixtures("asked_for")
def test_a_backend_by_name_is_no_choice_of_a_default():
    assert resolve("numpy", dtype="float64") == Backend("numpy", "cpu", "float64")


@pytest.mark.usefixtures("asked_for", "two_cuda_devices")
def test_tf32_goes_with_a_cuda_device(environment):
    environment(BACKEND="cupy", DEVICE="cuda:1")
    assert default_backend() == Backend("cupy", "cuda:1", "float32")


@pytest.fixture
def products_of_cupy(cuda_device):
    """``products_of_cupy(*lead)``: how far a layer's product is from the exact one."""
    cupy = pytest.importorskip("cupy")
    linalg = cupy._core._routines_linalg

    def restore():
        linalg.set_compute_type("float32", linalg.COMPUTE_TYPE_DEFAULT)
        cupy.cuda.cublas.setMathMode(cupy.cuda.device.get_cublas_handle(), 0)

    def error(*lead):
        n = 64
        W, b = (np.full((*lead, n, last), 1.0 + 2.0**-12) for last in (n, 1))
        W, b, X = (cuda_device.asarray(array) for array in (W, 0.0 * b, W))
        A = xpnet.forward(xpnet.Network((n, n), output="identity"), (Dense(W, b),), X)[-1].A
        return np.abs(cuda_device.to_numpy(A) - n * (1.0 + 2.0**-12) ** 2).max()

    restore()
    yield error
    restore()


@pytest.mark.parametrize("lead", [(), (2,)], ids=["one network", "a stack"])
@pytest.mark.usefixtures("asked_for")
def test_cupy_multiplies_in_tf32_whatever_it_multiplied_before(products_of_cupy, afresh, lead):
    afresh("cupy")
    assert products_of_cupy(*lead) > 0.02


@pytest.mark.parametrize("lead", [(), (2,)], ids=["one network", "a stack"])
def test_cupy_multiplies_in_full_unasked(products_of_cupy, afresh, lead):
    afresh("cupy")
    assert products_of_cupy(*lead) < 1e-4


@pytest.fixture
def products_of_torch():
    """torch's own switch, put back after the test."""
    products = pytest.importorskip("torch").backends.cuda.matmul
    before = products.allow_tf32
    products.allow_tf32 = False
    yield products
    products.allow_tf32 = before


@pytest.mark.usefixtures("asked_for")
def test_torch_is_told(afresh, products_of_torch):
    afresh("torch")
    assert products_of_torch.allow_tf32
