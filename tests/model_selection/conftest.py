"""scikit-learn's array API dispatch, which SciPy must be told of before it is imported."""

from __future__ import annotations

import os

os.environ["SCIPY_ARRAY_API"] = "1"
