"""Searches over small networks, ours beside scikit-learn's."""

import os

# SciPy reads it when it is imported; without it scikit-learn takes no arrays of other libraries.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
