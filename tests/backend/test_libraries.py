from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from xpnet.backend import BackendError, BackendInfo, available_backends, resolve
from xpnet.backend.libraries import LIBRARIES, adapter


# Dask comes as a module of array_api_compat, which stays loaded where another test loaded it.
@pytest.mark.parametrize("name", [name for name in LIBRARIES if name not in ("numpy", "dask")])
def test_missing_library_names_the_command_that_installs_it(without, name):
    without(name)
    with pytest.raises(BackendError) as caught:
        resolve(name)
    message = str(caught.value)
    assert message.startswith(f"backend '{name}' cannot be imported (")
    assert message.endswith(f": {LIBRARIES[name].install}")


def test_what_installs_a_library_is_an_extra_of_the_project():
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    named = re.findall(r"xpnet\[(\w+)\]", " ".join(row.install for row in LIBRARIES.values()))
    assert "torch" in named
    assert pyproject["project"]["optional-dependencies"].keys() >= {*named}


@pytest.mark.usefixtures("no_cuda")
def test_cupy_without_a_device_says_so():
    with pytest.raises(BackendError) as caught:
        resolve("cupy")
    assert str(caught.value) == (
        "backend 'cupy' is installed, but no CUDA device answers: "
        "see what nvidia-smi says of the driver"
    )


def test_jax_without_a_platform_says_so(monkeypatch):
    jax = pytest.importorskip("jax")

    def no_platform(platform=None):
        raise RuntimeError(f"Unable to initialize backend {platform}")

    monkeypatch.setattr(jax, "devices", no_platform)
    with pytest.raises(BackendError, match=r"'jax' is installed, but no platform.*JAX_PLATFORMS"):
        resolve("jax")


def test_apple_gpu_refuses_double_precision():
    torch = pytest.importorskip("torch")
    refusal = adapter("torch").refusal("float64", torch.device("mps"))
    assert refusal == ("Apple's GPUs have no double precision: use float32, or the device 'cpu'")
    assert adapter("torch").refusal("float32", torch.device("mps")) is None


def test_torch_lists_its_accelerators(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert tuple(adapter("torch").devices()) == ("cpu", "cuda:0", "cuda:1")
    assert resolve("torch", device="cuda").device_object == torch.device("cuda:0")


@pytest.fixture
def by_name():
    return {info.name: info for info in available_backends()}


def test_every_library_is_listed(by_name):
    assert list(by_name) == list(LIBRARIES)


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
