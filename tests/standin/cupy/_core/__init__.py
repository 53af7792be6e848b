"""The part of CuPy's core that xpnet calls by name."""

from cupy._core import _routines_linalg
