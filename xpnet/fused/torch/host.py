"""Tensors of PyTorch in the host's memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from xpnet.fused.host import HostMemory
from xpnet.types import Array


def _to_numpy(array: Array) -> Array | None:
    if isinstance(array, np.ndarray):
        return array
    if type(array) not in (torch.Tensor, torch.nn.Parameter) or array.device.type != "cpu":
        return None
    try:
        return array.numpy(force=True)
    except (RuntimeError, TypeError):  # within a transform of torch.func, or of a dtype of torch's
        return None


def _from_numpy(hosts: Sequence[Array], like: Array) -> Sequence[Array]:
    return list(map(torch.from_numpy, hosts))


HOST = HostMemory(_to_numpy, _from_numpy)
