"""A CuPy without a device: NumPy's memory under CuPy's rules, and kernels by g++.

Each file names the sources of CuPy whose rules it keeps; tests/standin/test_rules.py compares them
with CuPy itself, wherever a device answers. What is missing here raises AttributeError, and so does
what CuPy lacks.
"""

from cupy import _core, _functions, cuda
from cupy._array import ndarray
from cupy._counts import counted
from cupy._functions import (
    array,
    asarray,
    ascontiguousarray,
    asnumpy,
    astype,
    broadcast_arrays,
    empty,
    empty_like,
    from_dlpack,
    get_array_module,
)
from cupy._kernels import ElementwiseKernel, RawModule
from cupy.cuda.memory import get_default_memory_pool

__version__ = "14.2.0"

globals().update(_functions.FUNCTIONS)

from cupy import fft, linalg  # noqa: E402 (they take their functions from here)
