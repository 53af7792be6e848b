from __future__ import annotations

import numpy as np

from tests.kernels.cases import assert_trees_close, random_case
from xpnet.optim.vectors import flatten, read, unflatten


def test_flatten_lays_weights_and_biases_layer_after_layer(xp):
    case = random_case((3, 4, 2)).on(xp)
    vector = xp.to_numpy(flatten(case.params))
    (W1, b1), (W2, b2) = random_case((3, 4, 2)).params
    expected = np.concatenate([W1.ravel(), b1.ravel(), W2.ravel(), b2.ravel()])
    np.testing.assert_array_equal(vector, expected.astype("float32"))


def test_unflatten_undoes_it(xp):
    params = random_case((3, 4, 2)).on(xp).params
    assert_trees_close(unflatten(flatten(params), params), params, rtol=0)


def test_read_gives_floats_in_order(xp):
    numbers = [xp.asarray(value) for value in (1.5, -2.0, float("inf"))]
    assert read(*numbers) == [1.5, -2.0, float("inf")]
