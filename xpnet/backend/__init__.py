"""Array libraries and devices: the choice of a backend, and moves of arrays between them.

Computation follows the arrays it is given. The choice (`use_backend`, ``XPNET_BACKEND``,
``XPNET_DEVICE``, ``XPNET_DTYPE``) only says where *new* arrays are made. ``XPNET_MATMUL=tf32``
multiplies float32 matrices on CUDA devices faster and less precisely; nothing else does.
``XPNET_CUDA_GRAPH=1`` launches CuPy's training steps whole.
"""

from __future__ import annotations

from xpnet.backend.arrays import (
    asarray,
    contiguous,
    detached,
    ends,
    free_memory,
    gather,
    has_values,
    leaves,
    map_arrays,
    near,
    on_device_of,
    on_host,
    quiet,
    read,
    read_tree,
    synchronize,
    to_device,
    to_numpy,
    tracked,
    transposed,
)
from xpnet.backend.devices import DeviceReport, check_together, device_report, where
from xpnet.backend.libraries import BackendInfo, available_backends, library_name
from xpnet.backend.selection import (
    Backend,
    cuda_graph,
    default_backend,
    fusing,
    resolve,
    use_backend,
)
from xpnet.backend.threads import use_threads
from xpnet.backend.uploads import Upload, uploader
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
    "contiguous",
    "cuda_graph",
    "default_backend",
    "detached",
    "device_report",
    "ends",
    "free_memory",
    "fusing",
    "gather",
    "has_values",
    "leaves",
    "library_name",
    "map_arrays",
    "near",
    "on_device_of",
    "on_host",
    "quiet",
    "read",
    "read_tree",
    "resolve",
    "synchronize",
    "to_device",
    "to_numpy",
    "tracked",
    "transposed",
    "uploader",
    "use_backend",
    "use_threads",
    "where",
]
