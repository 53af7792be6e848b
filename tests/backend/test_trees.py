from __future__ import annotations

import numpy as np

from xpnet.backend.trees import arrays_in, map_arrays
from xpnet.types import Batch, Dense, OptimizerState

W, b = np.ones((2, 3)), np.zeros((2, 1))
STATE = OptimizerState(3, ((Dense(W, b),), (Dense(W, b),)))


def test_records_keep_their_kind_and_numbers_their_value():
    doubled = map_arrays(lambda array: 2 * array, STATE)
    assert isinstance(doubled, OptimizerState)
    assert isinstance(doubled.moments[1][0], Dense)
    assert doubled.t == 3
    np.testing.assert_array_equal(doubled.moments[1][0].W, 2 * W)


def test_none_stays():
    assert map_arrays(np.negative, Batch(W, W, None)).sample_weight is None


def test_arrays_are_found_in_order():
    assert [id(array) for array in arrays_in((STATE, None, b))] == [
        *(id(array) for array in (W, b, W, b)),
        id(b),
    ]
