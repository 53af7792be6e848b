"""The README's example is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / "README.md"


def test_the_library_example_learns_what_it_says():
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.S | re.M)
    names: dict[str, np.ndarray] = {}
    exec(compile(example, README.name, "exec"), names)
    assert names["probabilities"].shape == (1, 1000)
    assert np.mean((names["probabilities"] > 0.5) == (names["Y"] > 0.5)) > 0.95
