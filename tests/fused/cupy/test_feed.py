"""The kernel that feeds a captured step."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.cupy.driver import by_value
from xpnet.fused.cupy.source import WORDS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_feed_copies_what_lies_anyhow(device, dtype, rng):
    m = 5
    hosts = [rng.normal(size=shape) for shape in ((4, m), (m, 3), (1, m))]
    X, Y, s = (device.asarray(host, dtype) for host in hosts)
    to = [device.asarray(np.full((m, n), np.nan), dtype) for n in (4, 3, 1)]
    there = device.asarray(np.zeros(WORDS), "float64")
    words = rng.integers(-(2**62), 2**62, WORDS)
    of_X, of_Y, of_s = (X, m, 1, 4, to[0]), (Y, 1, 3, 3, to[1]), (s, m, 1, 1, to[2])
    address = np.asarray(device.driver.address(there), np.int64)
    args = (*of_X, *of_Y, *of_s, m, by_value(words), by_value(address))
    device.driver.launch("feed", np.dtype(dtype), (2, 1), (32, 1), args)
    for array, expected in zip(to, (hosts[0].T, hosts[1], hosts[2].T), strict=True):
        assert (device.to_numpy(array) == expected.astype(dtype)).all()
    assert (device.to_numpy(there).view(np.int64) == words).all()
