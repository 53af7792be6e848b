"""The README's examples are run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpnet.cli.app import run

README = Path(__file__).parents[1] / "README.md"


def ran(number):
    """The names that an example leaves behind."""
    examples = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.S | re.M)
    names: dict[str, Any] = {}
    exec(compile(examples[number], README.name, "exec"), names)
    return names


def test_the_library_example_learns_what_it_says():
    names = ran(0)
    assert names["probabilities"].shape == (1, 1000)
    assert np.mean((names["probabilities"] > 0.5) == (names["Y"] > 0.5)) > 0.95


def test_the_example_with_labels_learns_digits_and_saves_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ran(1)
    right = names["labels"] == names["digits"].y_test
    assert names["score"]["accuracy"] == pytest.approx(right.mean())
    assert right.mean() > 0.96
    assert names["metadata"]["classes"] == list(range(10))
    np.testing.assert_array_equal(names["params"][0].W, names["result"].params[0].W)
    assert run(["evaluate", "digits.safetensors", "digits"]) == 0


def test_the_example_of_a_stack_trains_eight_networks():
    names = ran(2)
    assert len(names["costs"]) == 8
    assert min(names["costs"]) < 0.1 < max(names["costs"])
    assert names["result"].params[0].W.shape == (8, 16, 2)
