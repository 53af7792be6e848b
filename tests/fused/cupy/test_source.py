"""The source compiles for the devices there are, by the compiler that CuPy calls there."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.standin.place import needs_real_cupy
from xpnet.fused.cupy.source import MOST_TENSORS, MOST_THREADS, REALS, options, source


@pytest.fixture(scope="module")
def nvrtc():
    """NVRTC, which needs no device; the extra `test` brings it on Linux with x86-64."""
    yield from (cupy.cuda.nvrtc for cupy in needs_real_cupy())


@pytest.fixture(params=list(REALS), ids=str)
def compile_options(request):
    return options(request.param)


@pytest.mark.parametrize(
    ("architecture", "dtype"),
    [("sm_75", "float32"), ("sm_100", "float64")],
    ids=["the oldest", "the newest"],
)
def test_every_kernel_compiles(nvrtc, kernel_names, architecture, dtype):
    program = nvrtc.createProgram(source(), "kernels.cu", (), ())
    for name in kernel_names:
        nvrtc.addNameExpression(program, name)
    nvrtc.compileProgram(program, (f"-arch={architecture}", *options(np.dtype(dtype))))
    assert nvrtc.getProgramLog(program).strip("\n\0") == ""
    assert nvrtc.getCUBIN(program)
    ptx = nvrtc.getPTX(program)
    ptx = ptx.decode() if isinstance(ptx, bytes) else ptx
    entries = set(re.findall(r"\.entry (\w+)", ptx))
    assert {nvrtc.getLoweredName(program, name) for name in kernel_names} == entries
    # State and the table of tensors stay in registers and in the arguments.
    assert ".local" not in ptx
    # In large blocks: by themselves compilers give a thread so many registers that none starts.
    bounds = dict(re.findall(r"\.entry (\w+)[^{]*\.maxntid (\d+)", ptx))
    large = {name for name in kernel_names if name.startswith(("cost<", "predict<"))}
    lowered = {nvrtc.getLoweredName(program, name) for name in large}
    assert bounds == dict.fromkeys(lowered, str(MOST_THREADS))


def test_what_is_wrong_does_not_compile(nvrtc, compile_options):
    broken = source().replace("threadIdx.x", "threadIndex.x", 1)
    program = nvrtc.createProgram(broken, "kernels.cu", (), ())
    with pytest.raises(nvrtc.NVRTCError):
        nvrtc.compileProgram(program, ("-arch=sm_90", *compile_options))


def test_options_name_the_dtype_and_the_numbers_python_shares(compile_options):
    standard, real, *numbers = compile_options
    assert standard == "-std=c++17"
    assert real in ("-DREAL=float", "-DREAL=double")
    assert f"-DMOST_TENSORS={MOST_TENSORS}" in numbers


def test_the_source_includes_nothing():
    assert "#include" not in source()
