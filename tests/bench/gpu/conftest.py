"""Fixture: whether a process is still there."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest


@pytest.fixture
def ends():
    """A function of a process's number: whether it ends soon; a zombie has."""
    if sys.platform != "linux":
        pytest.skip("looks into /proc")

    def ends(number):
        stat, until = Path("/proc", str(number), "stat"), time.monotonic() + 10.0
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    return ends
