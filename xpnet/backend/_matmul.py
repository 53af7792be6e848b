"""How precisely float32 matrices are multiplied: in full, or in TF32 where that was asked for.

TF32 keeps 10 of the 23 bits of each factor and adds in full: several times faster on the GPUs that
have it (compute capability 8.0 on), and visibly less precise. So it is never chosen silently.
"""

from __future__ import annotations

import os

from xpnet.backend._find import Backend
from xpnet.exceptions import BackendError

__all__ = ["refuse_tf32_without_device", "tf32"]


def tf32() -> bool:
    """Return whether products are to be made in TF32: only with ``XPNET_MATMUL=tf32``.

    Raises
    ------
    BackendError
        If ``XPNET_MATMUL`` is set to anything else.
    """
    setting = os.environ.get("XPNET_MATMUL") or None
    if setting not in (None, "tf32"):
        raise BackendError(f"XPNET_MATMUL is {setting!r}: expected 'tf32', or leave it unset")
    return setting == "tf32"


def refuse_tf32_without_device(backend: Backend) -> None:
    """Raise `BackendError` if TF32 was asked for and `backend` computes on no CUDA device."""
    if tf32() and not backend.device.startswith("cuda"):
        raise BackendError(
            f"XPNET_MATMUL=tf32, but {backend.name} on {backend.device} has no TF32: "
            "unset it, or choose a CUDA device (XPNET_BACKEND=cupy, or torch with "
            "XPNET_DEVICE=cuda)"
        )
