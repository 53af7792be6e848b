"""Arrays of JAX in the host's memory."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from xpnet.fused.host import HostMemory
from xpnet.types import Array


def _to_numpy(array: Array) -> Array | None:
    if isinstance(array, np.ndarray):
        return array
    is_plain = isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer)
    if not (is_plain and len(array.devices()) == 1 and array.platform() == "cpu"):
        return None
    return np.asarray(array)


def _from_numpy(hosts: Sequence[Array], like: Array) -> Sequence[Array]:
    # Copies, as these are written over, and JAX may share memory or read it later.
    made: Sequence[Array] = jax.device_put(list(map(np.array, hosts)), like.sharding)
    return made


HOST = HostMemory(_to_numpy, _from_numpy)
