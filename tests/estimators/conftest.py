"""What scikit-learn's array dispatch needs before SciPy is imported."""

from __future__ import annotations

import os

os.environ["SCIPY_ARRAY_API"] = "1"
