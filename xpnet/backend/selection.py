"""Selection of the library, device and dtype of new arrays: `use_backend` and ``XPNET_*``.

No other module reads the environment variables ``XPNET_*``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from xpnet.backend.libraries import LIBRARIES, adapter, devices, name_of_namespace, refuse
from xpnet.exceptions import BackendError

_AUTO = "auto"
_DTYPES = ("float32", "float64")
NAMES = (*LIBRARIES, _AUTO)


@dataclass(frozen=True)
class Backend:
    """A library, one of its devices and a dtype, by name; `resolve` makes one and checks it."""

    name: str
    device: str
    dtype: str

    @property
    def xp(self) -> ModuleType:
        """The library's Array API namespace."""
        return adapter(self.name).xp

    @property
    def device_object(self) -> Any:
        """What the library itself calls the device."""
        return devices(self.name)[self.device]

    @property
    def dtype_object(self) -> Any:
        """What the library itself calls the dtype."""
        return getattr(self.xp, self.dtype)


class _Choice(NamedTuple):
    """A library, device and dtype as one level names them; None leaves it to the level below."""

    name: str | None = None
    device: str | None = None
    dtype: str | None = None


_VARIABLES = ("XPNET_BACKEND", "XPNET_DEVICE", "XPNET_DTYPE")
_FALLBACK = _Choice("numpy", "cpu", "float32")
_chosen: ContextVar[_Choice] = ContextVar("xpnet_backend", default=_Choice())  # noqa: B039 (immutable)


def default_backend() -> Backend:
    """Return the library, device and dtype of new arrays where no others are given.

    `use_backend` comes before ``XPNET_BACKEND``, ``XPNET_DEVICE`` and ``XPNET_DTYPE``, and these
    before NumPy, ``cpu``, ``float32``.

    Raises
    ------
    BackendError
        If what was chosen by name is not available.
    """
    return resolve()


def use_backend(
    name: str | ModuleType | None = None, *, device: str | None = None, dtype: Any = None
) -> AbstractContextManager[Backend]:
    """Choose where new arrays are made from here on, or within a ``with`` block.

    The choice holds at once in this thread (or task: it is a context variable). As a context
    manager it gives the `Backend` and restores the earlier choice on leaving.

    Parameters
    ----------
    name, device, dtype
        As in `resolve`.

    Raises
    ------
    BackendError
        If it is not available; the earlier choice then stays.

    Examples
    --------
    >>> use_backend("numpy", dtype="float64")  # doctest: +SKIP
    >>> with use_backend("torch", device="cuda:1") as backend:  # doctest: +SKIP
    ...     params = net.init(seed=0)
    """
    backend = resolve(name, device=device, dtype=dtype)
    _refuse_what_it_lacks(backend)
    earlier = _chosen.set(_Choice(backend.name, backend.device, backend.dtype))
    return _restoring(backend, earlier)


def resolve(
    name: str | ModuleType | None = None, *, device: str | None = None, dtype: Any = None
) -> Backend:
    """Return the backend of these names; `default_backend` fills in what is left out.

    Parameters
    ----------
    name : str or namespace, optional
        A library as `available_backends` names it, or ``auto``: CuPy if a device answers, else
        NumPy. An Array API namespace stands for its library.
    device : str, optional
        ``cpu``, ``cuda:1``, ``device1``, ... A device chosen for one library does not hold for
        another, which then uses its own default.
    dtype : str or dtype, optional
        ``float32`` or ``float64``.

    Raises
    ------
    BackendError
        If the library, device or dtype is unknown, not installed or does not answer.
    """
    if isinstance(name, ModuleType):
        name = name_of_namespace(name)
    wanted = _Choice(name, device, None if dtype is None else dtype_name(dtype))
    asked = _filled(wanted, _chosen.get())
    environment = _Choice(*(os.environ.get(variable) or None for variable in _VARIABLES))
    choice = _filled(_filled(asked, environment), _FALLBACK)
    try:
        found = _find(*choice)
    except BackendError as error:
        source = _source(asked, environment, choice)
        if not source:
            raise
        raise BackendError(f"{error} (asked for by {source})") from error
    if name is None:
        _refuse_what_it_lacks(found)
    return found


def fusing() -> bool:
    """Return whether fused kernels are used where available: yes, unless ``XPNET_FUSED=0``.

    Raises BackendError if ``XPNET_FUSED`` is neither 0 nor 1.
    """
    return _is_on("XPNET_FUSED", "1", "0 (plain kernels) or 1 (fused)")


def cuda_graph() -> bool:
    """Return whether CuPy's training steps run as CUDA graphs: only with ``XPNET_CUDA_GRAPH=1``.

    Raises BackendError if ``XPNET_CUDA_GRAPH`` is neither 0 nor 1.
    """
    return _is_on("XPNET_CUDA_GRAPH", "0", "0 (a launch for each kernel) or 1 (one for a step)")


def tf32() -> bool:
    """Return whether float32 matrices are multiplied in TF32: only with ``XPNET_MATMUL=tf32``.

    TF32 keeps 10 of the 23 bits of each factor and adds in full: several times faster on the GPUs
    that have it (compute capability 8.0 on), and visibly less precise. So it is never the default.

    Raises BackendError if ``XPNET_MATMUL`` is set to anything else.
    """
    setting = os.environ.get("XPNET_MATMUL") or None
    if setting not in (None, "tf32"):
        raise BackendError(f"XPNET_MATMUL is {setting!r}: expected 'tf32', or leave it unset")
    return setting == "tf32"


@contextmanager
def _restoring(backend: Backend, earlier: Token[_Choice]) -> Iterator[Backend]:
    try:
        yield backend
    finally:
        _chosen.reset(earlier)


def _is_on(variable: str, default: str, choices: str) -> bool:
    switch = os.environ.get(variable) or default
    if switch not in ("0", "1"):
        raise BackendError(f"{variable} is {switch!r}: expected {choices}")
    return switch == "1"


def _filled(upper: _Choice, lower: _Choice) -> _Choice:
    # A device belongs to the library it was named with; named alone, it is for any.
    same_library = upper.name is None or lower.name in (None, upper.name)
    return _Choice(
        upper.name or lower.name,
        upper.device or (lower.device if same_library else None),
        upper.dtype or lower.dtype,
    )


def _source(asked: _Choice, environment: _Choice, choice: _Choice) -> str:
    """Name the environment variables that had a say in `choice`."""
    levels = zip(_VARIABLES, asked, environment, choice, strict=True)
    return ", ".join(
        f"{variable}={value}"
        for variable, above, value, found in levels
        if above is None and value is not None and value == found
    )


def _find(name: str | None, device: str | None, dtype: str | None) -> Backend:
    """Return the backend of these names; a device of None is the library's default.

    Raises BackendError if one of them is unknown or is not available: says what is missing and the
    choices.
    """
    name = _library(name)
    device = next(iter(devices(name))) if device is None else find_device(name, device)
    if dtype not in _DTYPES:
        raise BackendError(f"dtype {dtype!r} is unknown: choose {' or '.join(_DTYPES)}")
    refuse(name, dtype, devices(name)[device])
    return Backend(name, device, dtype)


def _library(name: str | None) -> str:
    if name not in NAMES:
        raise BackendError(f"backend {name!r} is unknown: choose one of {', '.join(NAMES)}")
    if name != _AUTO:
        return str(name)
    try:
        devices("cupy")
    except BackendError:
        return "numpy"
    return "cupy"


def dtype_name(dtype: Any) -> str:
    """Return ``float32`` for any library's float32, or for the name itself."""
    if isinstance(dtype, type):
        return dtype.__name__
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]


def find_device(name: str, device: str) -> str:
    """Return the full name of a library's device, or raise `BackendError` with the choices."""
    there = devices(name)
    # "cuda" means its first device, as in torch.
    for spelling in (device, f"{device}:0"):
        if spelling in there:
            return spelling
    raise BackendError(
        f"backend {name!r} has no device {device!r} here: choose one of {', '.join(there)}"
    )


def _refuse_what_it_lacks(backend: Backend) -> None:
    """Raise `BackendError` if TF32 or graphs were asked for, and `backend` has none."""
    if tf32() and not backend.device.startswith("cuda"):
        raise BackendError(
            f"XPNET_MATMUL=tf32, but {backend.name} on {backend.device} has no TF32: "
            "unset it, or choose a CUDA device (XPNET_BACKEND=cupy, or torch with "
            "XPNET_DEVICE=cuda)"
        )
    if cuda_graph() and backend.name != "cupy":
        raise BackendError(
            f"XPNET_CUDA_GRAPH=1, but training on {backend.name} uses no CUDA graphs: unset it, "
            "or choose XPNET_BACKEND=cupy"
        )
