"""Which library, device and dtype new arrays get, by the XPNET_* variables among others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from types import ModuleType
from typing import Any, NamedTuple

from xpnet.backend._find import Backend, dtype_name, find
from xpnet.backend._libraries import name_of_namespace
from xpnet.backend._matmul import refuse_tf32_without_device
from xpnet.exceptions import BackendError

__all__ = ["default_backend", "fusing", "resolve", "use_backend"]


class _Wish(NamedTuple):
    """What one level asks for; None where it leaves the answer to the level below."""

    name: str | None = None
    device: str | None = None
    dtype: str | None = None


_VARIABLES = ("XPNET_BACKEND", "XPNET_DEVICE", "XPNET_DTYPE")
_FALLBACK = _Wish("numpy", "cpu", "float32")
_chosen: ContextVar[_Wish] = ContextVar("xpnet_backend", default=_Wish())  # noqa: B039 (immutable)


def default_backend() -> Backend:
    """Return where new arrays are made when nothing is said.

    `use_backend` comes before ``XPNET_BACKEND``, ``XPNET_DEVICE`` and ``XPNET_DTYPE``, and these
    before NumPy, ``cpu``, ``float32``.

    Raises
    ------
    BackendError
        If what was chosen by name cannot be had.
    """
    return resolve()


def fusing() -> bool:
    """Return whether fused kernels are used where they can be had: yes, unless ``XPNET_FUSED=0``.

    Raises
    ------
    BackendError
        If ``XPNET_FUSED`` is neither 0 nor 1.
    """
    switch = os.environ.get("XPNET_FUSED") or "1"
    if switch not in ("0", "1"):
        raise BackendError(f"XPNET_FUSED is {switch!r}: expected 0 (plain kernels) or 1 (fused)")
    return switch == "1"


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
        If it cannot be had; the earlier choice then stays.

    Examples
    --------
    >>> use_backend("numpy", dtype="float64")  # doctest: +SKIP
    >>> with use_backend("torch", device="cuda:1") as backend:  # doctest: +SKIP
    ...     params = net.init(seed=0)
    """
    backend = resolve(name, device=device, dtype=dtype)
    refuse_tf32_without_device(backend)
    earlier = _chosen.set(_Wish(backend.name, backend.device, backend.dtype))
    return _restoring(backend, earlier)


@contextmanager
def _restoring(backend: Backend, earlier: Token[_Wish]) -> Iterator[Backend]:
    try:
        yield backend
    finally:
        _chosen.reset(earlier)


def resolve(
    name: str | ModuleType | None = None, *, device: str | None = None, dtype: Any = None
) -> Backend:
    """Return the backend asked for, what is left out being filled in as by `default_backend`.

    Parameters
    ----------
    name : str or namespace, optional
        ``numpy``, ``cupy``, ``torch``, ``jax``, ``dask``, ``array_api_strict``, or ``auto``: CuPy
        if a device answers, else NumPy. An Array API namespace stands for its library.
    device : str, optional
        ``cpu``, ``cuda:1``, ``device1``, ... A device chosen for one library is not taken over by
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
    wanted = _Wish(name, device, None if dtype is None else dtype_name(dtype))
    asked = _filled(wanted, _chosen.get())
    environment = _Wish(*(os.environ.get(variable) or None for variable in _VARIABLES))
    wish = _filled(_filled(asked, environment), _FALLBACK)
    try:
        found = find(*wish)
    except BackendError as error:
        source = _source(asked, environment, wish)
        if not source:
            raise
        raise BackendError(f"{error} (asked for by {source})") from error
    if name is None:
        refuse_tf32_without_device(found)
    return found


def _filled(upper: _Wish, lower: _Wish) -> _Wish:
    # A device belongs to the library it was named with; named alone, it is for any.
    same_library = upper.name is None or lower.name in (None, upper.name)
    return _Wish(
        upper.name or lower.name,
        upper.device or (lower.device if same_library else None),
        upper.dtype or lower.dtype,
    )


def _source(asked: _Wish, environment: _Wish, wish: _Wish) -> str:
    """Name the environment variables that had a say in `wish`."""
    levels = zip(_VARIABLES, asked, environment, wish, strict=True)
    return ", ".join(
        f"{variable}={value}"
        for variable, above, value, taken in levels
        if above is None and value is not None and value == taken
    )
