"""The kernels that feed a captured step, and those with which a step of a run feeds itself."""

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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_step_of_a_run_draws_its_own(device, dtype, rng):
    size, steps, n_x, n_y = 4, 3, 5, 2
    hosts = rng.normal(size=(20, n_x)), rng.normal(size=(20, n_y))
    X, Y = (device.asarray(host, dtype) for host in hosts)
    rows = rng.permutation(20)[: size * (steps - 1) + 3]  # the last step takes fewer
    words = rng.integers(-(2**62), 2**62, (steps, WORDS))

    def whole(values):
        """Whole numbers on the device, and where they lie, as an argument."""
        there = device.asarray(np.asarray(values, np.int64).view(np.float64), "float64")
        return there, by_value(np.asarray(device.driver.address(there), np.int64))

    def launch(name, grid, block, *args):
        device.driver.launch(name, np.dtype(dtype), grid, block, args)

    (_rows, at_rows), (_words, at_words) = whole(rows), whole(words)
    (_run, at_run), (there, at_there) = whole(np.full(6, -1)), whole(np.zeros(WORDS))
    launch("begin", (1, 1), (1, 1), X, Y, at_rows, at_words, size, at_run)
    for step in range(steps):
        chosen = rows[step * size : (step + 1) * size]
        m = len(chosen)
        to_X, to_Y = (device.asarray(np.full((m, n), np.nan), dtype) for n in (n_x, n_y))
        launch("draw", (2, 1), (8, 1), at_run, n_x, to_X, n_y, to_Y, m, at_there)
        launch("advance", (1, 1), (1, 1), at_run)
        for array, host in zip((to_X, to_Y), hosts, strict=True):
            assert (device.to_numpy(array) == host[chosen].astype(dtype)).all()
        assert (device.to_numpy(there).view(np.int64) == words[step]).all()
