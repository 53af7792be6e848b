"""Adapter of PyTorch: the processor, and the accelerator that this build of it knows."""

from __future__ import annotations

from typing import Any

import array_api_compat.torch as xp
import numpy as np
import torch

from xpnet.backend.adapters import Adapter
from xpnet.backend.selection import tf32
from xpnet.backend.threads import limit

limit(torch)

NUMPYS = {torch.bool, torch.float32, torch.float64, torch.int32, torch.int64}
"""Dtypes that samples, targets and labels have here, and that NumPy has, too."""

# Private to torch, which has no public name for it.
TRANSFORM = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", lambda: None)
"""The transform of torch.func that is running, or None."""


def _devices() -> dict[str, Any]:
    devices = {"cpu": torch.device("cpu")}
    if torch.accelerator.is_available():
        kind = torch.accelerator.current_accelerator()
        names = (f"{kind}:{index}" for index in range(torch.accelerator.device_count()))
        devices |= {name: torch.device(name) for name in names}
    return devices


def _from_numpy(host: np.ndarray[Any, Any], device: Any) -> Any:
    # torch accepts neither read-only memory nor negative strides.
    shareable = host.flags.writeable and all(stride >= 0 for stride in host.strides)
    return torch.from_numpy(host if shareable else host.copy(order="K")).to(device)


def _to_numpy(array: Any) -> np.ndarray[Any, Any]:
    host: np.ndarray[Any, Any] = array.numpy(force=True)
    return host


def _synchronize(array: Any) -> None:
    if array.device.type != "cpu":
        torch.accelerator.synchronize(array.device)


def _has_values(array: Any) -> bool:
    # Within torch.compile, or a transform of torch.func, no result can be read.
    if TRANSFORM() is not None or torch.compiler.is_compiling():
        return False
    # Of other kinds, FakeTensor among them, nothing is known.
    return type(array) in (torch.Tensor, torch.nn.Parameter) and array.device.type != "meta"


def _near(array: Any) -> Any:
    # Where other programs use the cores, torch's threads wait for each other longer than they work.
    shares = array.device.type == "cpu" and array.dtype in NUMPYS and _has_values(array)
    return array.numpy(force=True) if shares else array


def _free_memory(array: Any) -> int | None:
    module = torch.get_device_module(array.device)
    if not hasattr(module, "mem_get_info"):  # as that of the processor has not
        return None
    try:
        free, _ = module.mem_get_info(array.device)
    except RuntimeError:  # of a driver that does not tell
        return None
    # What torch keeps for tensors to come is not free for others.
    kept = module.memory_reserved(array.device) - module.memory_allocated(array.device)
    return int(free + kept)


def _refusal(dtype: str, device: Any) -> str | None:
    if device.type == "mps" and dtype in ("float64", "complex128"):
        return "Apple's GPUs have no double precision: use float32, or the device 'cpu'"
    return None


if tf32():
    torch.backends.cuda.matmul.allow_tf32 = True

ADAPTER = Adapter(
    xp=xp,
    devices=_devices,
    from_numpy=_from_numpy,
    to_numpy=_to_numpy,
    synchronize=_synchronize,
    has_values=_has_values,
    on_host=lambda array: array.device.type == "cpu" and _has_values(array),
    near=_near,
    free_memory=_free_memory,
    refusal=_refusal,
)
