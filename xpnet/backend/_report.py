"""What there is to say of the CUDA devices here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.backend._libraries import LIBRARIES, devices
from xpnet.backend._matmul import tf32
from xpnet.exceptions import BackendError

__all__ = ["DeviceReport", "device_report"]


@dataclass(frozen=True)
class DeviceReport:
    """One CUDA device, as CuPy finds it.

    Attributes
    ----------
    device : what ``XPNET_DEVICE`` calls it
    name : the maker's name
    memory : in bytes
    driver : the newest CUDA version that the driver takes
    cuda, cublas : the versions that run, or how to get them
    matmul : how float32 matrices are multiplied, ``float32`` or ``tf32``
    """

    device: str
    name: str
    memory: int
    driver: str
    cuda: str
    cublas: str
    matmul: str


def device_report() -> tuple[DeviceReport, ...]:
    """Return a report of each CUDA device; none where CuPy is missing or no device answers.

    Raises
    ------
    BackendError
        If ``XPNET_MATMUL`` is set to something unknown.
    """
    matmul = "tf32" if tf32() else "float32"
    try:
        there = devices("cupy")
    except BackendError:
        return ()
    return tuple(
        DeviceReport(name, *_properties(device), *_versions(), matmul)
        for name, device in there.items()
    )


def _properties(device: Any) -> tuple[str, int]:
    from cupy.cuda import runtime

    properties = runtime.getDeviceProperties(device.id)
    return properties["name"].decode(), properties["totalGlobalMem"]


def _versions() -> tuple[str, str, str]:
    from cupy.cuda import runtime

    driver, cuda = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    return _version(driver, 1000, 10), _version(cuda, 1000, 10), _cublas_version()


def _cublas_version() -> str:
    try:
        from cupy.cuda import cublas, device

        return _version(cublas.getVersion(device.get_cublas_handle()), 10_000, 100)
    except ImportError:
        return f"not found: {LIBRARIES['cupy'].install} brings it"


def _version(number: int, major: int, minor: int) -> str:
    return f"{number // major}.{number % major // minor}"
