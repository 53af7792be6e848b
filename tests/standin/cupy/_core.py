"""The part of CuPy's core that xpnet calls by name."""

from cupy._products import get_compute_type, set_compute_type

__all__ = ["get_compute_type", "set_compute_type"]
