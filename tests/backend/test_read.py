from __future__ import annotations

import numpy as np
import pytest

from xpnet.backend import read


@pytest.mark.parametrize("shape", [(), (3,)])
def test_many_arrays_are_read_at_once(xp, shape):
    costs = [np.full(shape, value, np.float32) for value in (1, 2, 3)]
    host = read([xp.asarray(cost) for cost in costs])
    assert type(host) is np.ndarray
    assert host.dtype == np.float32
    np.testing.assert_array_equal(host, np.stack(costs))


def test_numbers_are_read_as_they_are():
    np.testing.assert_array_equal(read([3.0, 4.0]), [3.0, 4.0])
