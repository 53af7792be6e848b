"""Fixture: whether a process is still there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def is_alive():
    """A function of a process's number; a zombie is not alive."""
    if sys.platform != "linux":
        pytest.skip("looks into /proc")

    def is_alive(number):
        path = Path("/proc", str(number), "stat")
        return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"

    return is_alive
