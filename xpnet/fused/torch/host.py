"""Tensors of PyTorch in the host's memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from xpnet.fused.host import HostMemory
from xpnet.types import Array

DTYPES = {torch.float32, torch.float64, torch.int32}
"""Of parameters and samples, and of dropout's keys."""


def _to_numpy(array: Array) -> Array | None:
    if isinstance(array, np.ndarray):
        return array
    is_plain = type(array) in (torch.Tensor, torch.nn.Parameter)
    if not (is_plain and array.device.type == "cpu" and array.dtype in DTYPES):
        return None
    return array.numpy(force=True)


def _from_numpy(hosts: Sequence[Array], like: Array) -> Sequence[Array]:
    return list(map(torch.from_numpy, hosts))


HOST = HostMemory(_to_numpy, _from_numpy)
