from __future__ import annotations

import numpy as np
import pytest

from xpnet.backend import BackendInfo, available_backends


@pytest.fixture
def by_name():
    return {info.name: info for info in available_backends()}


def test_every_library_is_listed(by_name):
    assert list(by_name) == ["numpy", "cupy", "torch", "jax", "dask", "array_api_strict"]


def test_numpy_is_always_usable(by_name):
    assert by_name["numpy"] == BackendInfo("numpy", np.__version__, ("cpu",), None)


def test_usable_means_devices_and_no_reason(xp, by_name):
    info = by_name[xp.backend.name]
    assert info.reason is None
    assert info.version
    assert xp.backend.device in info.devices


def test_missing_library_has_a_reason_and_no_version(without):
    without("torch")
    (info,) = (info for info in available_backends() if info.name == "torch")
    assert info.version is None
    assert info.devices == ()
    assert "pip install 'xpnet[torch]'" in info.reason


def test_installed_library_without_a_device_keeps_its_version(no_cuda, by_name):
    assert by_name["cupy"].version
    assert by_name["cupy"].devices == ()
    assert "no CUDA device answers" in by_name["cupy"].reason


@pytest.mark.parametrize("error", [RuntimeError, AttributeError, OSError, ValueError])
def test_a_library_that_breaks_on_import_has_a_reason(broken, error):
    broken("torch", error("binary\nincompatibility"))
    (info,) = (info for info in available_backends() if info.name == "torch")
    assert (info.version, info.devices) == (None, ())
    assert info.reason == (
        "backend 'torch' cannot be imported (binary incompatibility): pip install 'xpnet[torch]'"
    )


def test_a_library_that_cannot_list_its_devices_has_a_reason(monkeypatch):
    torch = pytest.importorskip("torch")

    def failing():
        raise AttributeError("no attribute 'accelerator'")

    monkeypatch.setattr(torch.accelerator, "is_available", failing)
    (info,) = (info for info in available_backends() if info.name == "torch")
    assert info.version == str(torch.__version__)
    assert info.reason == (
        "backend 'torch' cannot list its devices (no attribute 'accelerator'): "
        "pip install 'xpnet[torch]'"
    )
