from __future__ import annotations

import os
import sys

import pytest

from xpnet.backend import Backend, BackendError, default_backend, resolve, use_backend
from xpnet.backend._libraries import adapter
from xpnet.backend._matmul import tf32


@pytest.fixture
def afresh(monkeypatch):
    """``afresh("torch")``: the adapter as it is loaded first in a process."""

    def load(name):
        monkeypatch.delitem(sys.modules, f"xpnet.backend._{name}", raising=False)
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
def test_cupy_is_told_before_its_first_product(monkeypatch, afresh):
    monkeypatch.setenv("CUPY_TF32", "0")
    afresh("cupy")
    assert os.environ["CUPY_TF32"] == "1"
    monkeypatch.setenv("XPNET_BACKEND", "cupy")
    monkeypatch.setenv("XPNET_DEVICE", "cuda:1")
    assert default_backend() == Backend("cupy", "cuda:1", "float32")


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


@pytest.mark.usefixtures("two_cuda_devices")
def test_nothing_is_told_unasked(monkeypatch, afresh):
    monkeypatch.setenv("CUPY_TF32", "0")
    afresh("cupy")
    assert os.environ["CUPY_TF32"] == "0"
