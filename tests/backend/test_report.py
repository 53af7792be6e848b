from __future__ import annotations

from types import SimpleNamespace

import pytest

from xpnet.backend import DeviceReport, device_report


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
