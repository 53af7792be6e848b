from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case
from xpnet import LOOPED, VECTORIZED, Dense, Network, forward, predict
from xpnet.network.arguments import as_floating
from xpnet.types import map_params

BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])


@pytest.fixture
def by_hand():
    """Two inputs, two relu units, one output: parameters and X."""
    layers = ([[1, -1], [2, 0]], [[0], [-1]]), ([[1, 3]], [[-9]])
    params = tuple(Dense(*(np.asarray(rows, float) for rows in layer)) for layer in layers)
    return params, np.asarray([[1, 2, 3], [0, 1, 5]], float)


@BOTH
def test_numbers_worked_by_hand(eager_xp, kernels, by_hand):
    params, X = by_hand
    params = map_params(eager_xp.asarray, params)
    hidden, out = forward(Network((2, 2, 1)), params, eager_xp.asarray(X), kernels=kernels)
    expected = [
        (hidden.A, [[1, 1, 0], [1, 3, 5]]),
        (out.Z, [[-5, 1, 6]]),
        (out.A, 1 / (1 + np.exp([[5.0, -1.0, -6.0]]))),
    ]
    for array, value in expected:
        np.testing.assert_allclose(eager_xp.to_numpy(array), value, rtol=1e-5)


def test_masks_drop_units_out(by_hand):
    params, X = by_hand
    mask = np.asarray([[2.0, 0.0, 2.0], [0.0, 2.0, 0.0]])
    hidden, out = forward(Network((2, 2, 1), output="identity"), params, X, masks=(mask,))
    np.testing.assert_array_equal(hidden.A, [[2, 0, 0], [0, 6, 0]])
    np.testing.assert_array_equal(out.A, [[2 - 9, 18 - 9, -9]])


def test_vectorized_agrees_with_looped(eager_xp):
    case = random_case((3, 4, 2), hidden="gelu", output="softmax", m=3, dropout=0.3).on(eager_xp)
    vectorized, looped = (
        forward(case.net, case.params, case.X, kernels=kernels, masks=case.masks)
        for kernels in (VECTORIZED, LOOPED)
    )
    assert_trees_close(vectorized, looped)


def test_a_prediction_is_the_last_activation(xp):
    case = random_case(output="softmax", stack=(2,)).on(xp)
    A = predict(case.net, case.params, case.X)
    assert tuple(A.shape) == (2, 2, 7)
    assert_trees_close(A, forward(case.net, case.params, case.X)[-1].A)


def test_predict_casts_what_is_no_floating_point_number(xp):
    case = random_case().on(xp)
    pixels = np.asarray([[0, 1], [1, 1], [1, 0]])
    expected = predict(case.net, case.params, xp.asarray(pixels))
    for dtype in ("uint8", "int64", "bool"):
        got = predict(case.net, case.params, xp.asarray(pixels, dtype))
        assert got.dtype == case.params[0].W.dtype
        assert_trees_close(got, expected)


def test_floating_point_numbers_are_not_cast():
    X = np.zeros((3, 2))
    assert as_floating(X, random_case().params) is X


@BOTH
def test_no_samples_give_no_predictions(kernels, output):
    case = random_case(output=output)
    assert predict(case.net, case.params, case.X[:, :0], kernels=kernels).shape == (2, 0)
