from __future__ import annotations

import pytest

from xpnet.backend import BackendError, resolve
from xpnet.backend._libraries import adapter

INSTALLED_BY = {
    "cupy": "pip install 'xpnet[cuda13]' (or 'xpnet[cuda12]' for an older driver)",
    "torch": "pip install 'xpnet[torch]'",
    "jax": "pip install 'xpnet[jax]'",
    "array_api_strict": "pip install array-api-strict",
}


@pytest.mark.parametrize("name", INSTALLED_BY)
def test_missing_library_names_the_command_that_installs_it(without, name):
    without(name)
    with pytest.raises(BackendError) as caught:
        resolve(name)
    message = str(caught.value)
    assert message.startswith(f"backend '{name}' cannot be imported (")
    assert message.endswith(f": {INSTALLED_BY[name]}")


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
