"""The CUDA kernels for the processor: a C++ compiler makes them from the source NVRTC compiles."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from xpnet.fused.cupy.cost import OUTPUTS
from xpnet.fused.cupy.dense import NEEDS_Z
from xpnet.fused.cupy.updates import FIELDS

KERNELS = (
    "row_sums",
    "totals",
    "add_decay",
    "weigh",
    "weight_squares",
    "gradient_squares",
    "clip",
    "draw_by",
    "feed",
    "begin",
    "draw",
    "advance",
    *(f"{way}<activation::{name}>" for way in ("forward", "backward") for name in NEEDS_Z),
    *(f"{what}<output::{name}>" for what in ("cost", "predict") for name in OUTPUTS),
    *(f"update<optimizer::{name}>" for name in FIELDS),
)
"""The name of every kernel that the host code may launch."""


@cache
def library(code: str, options: tuple[str, ...], names: tuple[str, ...]) -> ctypes.CDLL:
    """`code` for the processor: kernel number n of `names` is the function ``launch_n``.

    Raises
    ------
    RuntimeError
        If it does not compile, with what the compiler says.
    """
    launchers = (f"KERNEL({number}, {name})" for number, name in enumerate(names))
    shim = Path(__file__).with_name("on_host.hpp").read_text("utf-8")
    # Without a name of its own, shared memory would be one and the same in all libraries.
    text = "\n".join((shim, "namespace {", code, "}", *launchers))
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
    with TemporaryDirectory() as folder:
        path = Path(folder, "kernels.so")
        files = ("-xc++", "-", "-o", str(path))
        command = (compiler(), "-O1", "-shared", "-fPIC", *warnings, *options, *files)
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return ctypes.CDLL(str(path))


def compiler() -> str:
    """A C++ compiler; the test is skipped or fails where there is none."""
    names = (os.environ.get("CXX", ""), "g++", "c++", "clang++")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        pytest.fail("no C++ compiler runs the CUDA kernels on the processor: install g++")
    if found is None or sys.platform != "linux":
        pytest.skip("the CUDA kernels run on the processor with a C++ compiler on Linux")
    return found
