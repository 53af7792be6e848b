from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet.backend import ends, read


@pytest.mark.parametrize("shape", [(), (3,)])
def test_many_arrays_are_read_at_once(xp, shape):
    costs = [np.full(shape, value, np.float32) for value in (1, 2, 3)]
    host = read([xp.asarray(cost) for cost in costs])
    assert type(host) is np.ndarray
    assert host.dtype == np.float32
    np.testing.assert_array_equal(host, np.stack(costs))


def test_numbers_are_read_as_they_are():
    np.testing.assert_array_equal(read([3.0, 4.0]), [3.0, 4.0])


def test_ends_of_arrays_of_several_shapes(eager_xp):
    arrays = [eager_xp.asarray(values) for values in ([[1.0, -2.0], [0.5, 4.0]], [3.0])]
    assert ends(arrays) == [(-2.0, 4.0), (3.0, 3.0)]
    assert ends([]) == []


def test_ends_of_what_is_no_number(eager_xp):
    ((low, high),) = ends([eager_xp.asarray([1.0, math.nan, 2.0])])
    assert math.isnan(low)
    assert math.isnan(high)
