"""Where arrays live: the libraries xpnet runs on, the choice among them, and moves between them.

Computation follows the arrays it is given. The choice made here (`use_backend`, ``XPNET_BACKEND``,
``XPNET_DEVICE``, ``XPNET_DTYPE``) only says where *new* arrays are made. ``XPNET_MATMUL=tf32``
multiplies float32 matrices on CUDA devices faster and less precisely; nothing else does.
"""

from __future__ import annotations

from xpnet.backend._arrays import (
    asarray,
    detached,
    has_values,
    on_device_of,
    on_host,
    quiet,
    synchronize,
    to_device,
    to_numpy,
    tracked,
    uniform,
)
from xpnet.backend._available import BackendInfo, available_backends
from xpnet.backend._choice import default_backend, fusing, resolve, use_backend
from xpnet.backend._columns import columns
from xpnet.backend._find import Backend
from xpnet.backend._read import ends, read
from xpnet.backend._report import DeviceReport, device_report
from xpnet.backend._together import check_together, where
from xpnet.backend._upload import Upload, uploader
from xpnet.exceptions import BackendError

__all__ = [
    "Backend",
    "BackendError",
    "BackendInfo",
    "DeviceReport",
    "Upload",
    "asarray",
    "available_backends",
    "check_together",
    "columns",
    "default_backend",
    "detached",
    "device_report",
    "ends",
    "fusing",
    "has_values",
    "on_device_of",
    "on_host",
    "quiet",
    "read",
    "resolve",
    "synchronize",
    "to_device",
    "to_numpy",
    "tracked",
    "uniform",
    "uploader",
    "use_backend",
    "where",
]
