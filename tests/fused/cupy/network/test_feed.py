"""The kernels that feed a captured step, and those with which a step of a run feeds itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet.fused.cupy.driver import by_value
from xpnet.fused.cupy.source import WORDS

SETS = [((), (), ()), ((3,), (3,), (3,)), ((), (2,), ()), ((3,), (), (2,))]
"""Of X, Y and weights."""


def unwritten(device, dtype, shape):
    return device.asarray(np.full(shape, np.nan), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sets", SETS, ids=str)
def test_feed_copies_what_lies_anyhow(device, dtype, rng, sets):
    m = 5
    x, y, s = sets
    hosts = [rng.normal(size=shape) for shape in ((*x, 4, m), (*y, m, 3), (*s, 1, m))]
    X, Y, weight = (device.asarray(host, dtype) for host in hosts)
    numbers = [math.prod(lead) for lead in sets]
    to = [unwritten(device, dtype, (*lead, m, n)) for lead, n in zip(sets, (4, 3, 1), strict=True)]
    there = device.asarray(np.zeros(WORDS), "float64")
    words = rng.integers(-(2**62), 2**62, WORDS)
    args = (
        *(X, 4 * m, m, 1, 4, 4 * numbers[0], to[0]),
        *(Y, 3 * m, 1, 3, 3, 3 * numbers[1], to[1]),
        *(weight, m, m, 1, 1, numbers[2], to[2]),
        *(m, by_value(words), by_value(np.asarray(device.driver.address(there), np.int64))),
    )
    device.driver.launch("feed", np.dtype(dtype), (2, 1), (32, 1), args)
    expected = hosts[0].swapaxes(-1, -2), hosts[1], hosts[2].swapaxes(-1, -2)
    for array, host in zip(to, expected, strict=True):
        assert (device.to_numpy(array) == host.astype(dtype)).all()
    assert (device.to_numpy(there).view(np.int64) == words).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sets", SETS, ids=str)
def test_each_step_of_a_run_draws_its_own(device, dtype, rng, sets):
    size, steps, widths = 4, 3, (5, 2, 1)
    hosts = [rng.normal(size=(20, n)) for n in widths]
    arrays = [device.asarray(host, dtype) for host in hosts]
    samples = size * (steps - 1) + 3  # the last step takes fewer
    rows = [
        np.stack([rng.permutation(20)[:samples] for _ in range(math.prod(lead))]).reshape(*lead, -1)
        for lead in sets
    ]
    words = rng.integers(-(2**62), 2**62, (steps, WORDS))

    def whole(values):
        """Whole numbers on the device, and where they lie, as an argument."""
        there = device.asarray(np.asarray(values, np.int64).view(np.float64), "float64")
        return there, by_value(np.asarray(device.driver.address(there), np.int64))

    def launch(name, grid, block, *args):
        device.driver.launch(name, np.dtype(dtype), grid, block, args)

    held = [whole(each) for each in rows]
    (_words, at_words), (_run, at_run) = whole(words), whole(np.full(10, -1))
    there, at_there = whole(np.zeros(WORDS))
    begin = *arrays, *(at for _, at in held), at_words, samples, size, at_run
    launch("begin", (1, 1), (1, 1), *begin)
    for step in range(steps):
        chosen = [each[..., step * size : (step + 1) * size] for each in rows]
        m = chosen[0].shape[-1]
        to = [unwritten(device, dtype, (*lead, m, n)) for lead, n in zip(sets, widths, strict=True)]
        extents = [
            (n, n * math.prod(lead), array) for lead, n, array in zip(sets, widths, to, strict=True)
        ]
        draw = at_run, *(word for each in extents for word in each), m, at_there
        launch("draw", (2, 1), (8, 1), *draw)
        launch("advance", (1, 1), (1, 1), at_run)
        for array, host, numbers in zip(to, hosts, chosen, strict=True):
            assert (device.to_numpy(array) == host[numbers].astype(dtype)).all()
        assert (device.to_numpy(there).view(np.int64) == words[step]).all()
