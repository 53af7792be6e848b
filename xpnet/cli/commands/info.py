"""``xpnet info``: a model, or backends, devices, processor, BLAS and versions on this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from typer import Argument

from xpnet import available_backends, backend
from xpnet.cli.compilation import NO_NUMBA
from xpnet.cli.models.facts import model_facts, parameters_table
from xpnet.cli.models.files import Model
from xpnet.cli.options import describe_backend
from xpnet.fused import ACCELERATORS, UNFUSED, accelerator, accelerator_of, lacks_numba

if TYPE_CHECKING:
    from rich.console import Console

_PACKAGES = (
    "xpnet",
    "numpy",
    "array-api-compat",
    "safetensors",
    "numba",
    "scikit-learn",
    "threadpoolctl",
)


def info(
    path: Annotated[
        Path | None,
        Argument(
            metavar="MODEL", help="A model that xpnet train saved.", show_default="this machine"
        ),
    ] = None,
) -> None:
    """Show what a model is, or what this machine has.

    Of a model: task, classes, features, network, parameters of each layer,
    settings, date and version. Of the machine: backends and their devices, the
    processor, BLAS and threads, versions, fused kernels.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if path is None:
        _print_machine(console)
        return
    model = Model.load(path)
    _print_facts(console, model_facts(model, path))
    console.print(parameters_table(model), markup=False)


def _print_machine(console: Console) -> None:
    from rich.table import Column, Table

    # Folded, as a path that was cut short could not be copied.
    reasons = Column("devices, or why not", overflow="fold")
    table = Table("backend", "version", reasons, title="Backends")
    for found in available_backends():
        table.add_row(found.name, found.version or "-", found.reason or ", ".join(found.devices))
    console.print(table, markup=False)
    _print_facts(console, _facts())


def _print_facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    for name, value in facts:
        console.print(f"{name:18}{value}", markup=False, soft_wrap=True)


def _facts() -> Iterator[tuple[str, str]]:
    """Yield names and values, a line each."""
    yield "processor", f"{_processor()}, {os.cpu_count()} threads"
    yield "system", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    yield from _blas()
    for found in backend.device_report():
        memory = f"{found.memory / 2**30:.1f} GiB"
        versions = f"driver {found.driver}, CUDA {found.cuda}, cuBLAS {found.cublas}"
        yield found.device, f"{found.name}, {memory}, {versions}, products in {found.matmul}"
    for package in _PACKAGES:
        yield package, _version(package)
    # Last: if the chosen backend is not available, all that may explain it is above the error.
    chosen = backend.default_backend()
    yield "new arrays", describe_backend(chosen)
    yield "fused kernels", _fused(chosen)


def _fused(chosen: backend.Backend) -> str:
    """Return the package that fuses the kernels on a backend, or why none does."""
    if not backend.fusing():
        return "off, by XPNET_FUSED=0"
    if chosen.name not in ACCELERATORS:
        return f"none for {chosen.name}"
    package, X = ACCELERATORS[chosen.name], backend.asarray([0.0])
    found, lacks = accelerator(chosen.xp), lacks_numba(X, chosen.xp)
    if found is UNFUSED:
        return f"none, as {NO_NUMBA if lacks else f'{package} does not load or may not compile'}"
    graph = ", each training step as one CUDA graph" if backend.cuda_graph() else ""
    if lacks:
        return f"by {package}, runs of training steps, too, as {NO_NUMBA}"
    runs = ", runs of training steps by numba" if accelerator_of(X, chosen.xp) is not found else ""
    return f"by {package}{graph}{runs}"


def _blas() -> Iterator[tuple[str, str]]:
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    yield "BLAS", f"{built['name']} {built['version']}"
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        yield "threads", "unknown: pip install threadpoolctl"
        return
    for pool in threadpool_info():
        kind = pool.get("architecture", "")
        yield "threads", f"{pool['num_threads']} of {pool['internal_api']} {kind}".strip()


def _processor() -> str:
    """Return the processor's name; Linux keeps it in a file that Python does not read."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
