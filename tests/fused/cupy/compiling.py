"""The CUDA kernels for the processor: a C++ compiler makes them from the source NVRTC compiles."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xpnet.fused.cupy.cost import OUTPUTS
from xpnet.fused.cupy.dense import NEEDS_Z
from xpnet.fused.cupy.source import REALS, options, source
from xpnet.fused.cupy.updates import FIELDS

KERNELS = (
    "row_sums",
    "add_decay",
    *(f"{way}<activation::{name}>" for way in ("forward", "backward") for name in NEEDS_Z),
    *(f"{what}<output::{name}>" for what in ("cost", "predict") for name in OUTPUTS),
    *(f"update<optimizer::{name}>" for name in FIELDS),
)
"""The name of every kernel that the host code may launch."""


def compiled(folder: Path) -> dict[np.dtype, ctypes.CDLL]:
    """A library for each dtype, in which kernel number n is the function ``launch_n``."""
    compilers = {dtype: _compiling(folder, dtype) for dtype in REALS}
    for compiler in compilers.values():
        _, errors = compiler.communicate()
        assert compiler.returncode == 0, errors
    return {dtype: ctypes.CDLL(str(folder / f"{dtype.name}.so")) for dtype in REALS}


def _compiling(folder: Path, dtype: np.dtype) -> subprocess.Popen:
    code = folder / f"{dtype.name}.cpp"
    launchers = (f"KERNEL({number}, {name})" for number, name in enumerate(KERNELS))
    shim = Path(__file__).with_name("on_host.hpp").read_text("utf-8")
    # Without a name of its own, shared memory would be one and the same in both libraries.
    code.write_text("\n".join((shim, "namespace {", source(), "}", *launchers)), "utf-8")
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
    command = (_cxx(), "-O1", "-shared", "-fPIC", *warnings, *options(dtype), str(code))
    return subprocess.Popen(
        (*command, "-o", str(folder / f"{dtype.name}.so")), stderr=subprocess.PIPE, text=True
    )


def _cxx() -> str:
    names = (os.environ.get("CXX", ""), "g++", "c++", "clang++")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        pytest.fail("no C++ compiler runs the CUDA kernels on the processor: install g++")
    if found is None or sys.platform != "linux":
        pytest.skip("the CUDA kernels run on the processor with a C++ compiler on Linux")
    return found
