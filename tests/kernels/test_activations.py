from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from xpnet.kernels.activations import ACTIVATIONS, LOOPED_ACTIVATIONS

LN2, LN3 = math.log(2), math.log(3)

BY_HAND = {  # (z, g(z), g'(z))
    "identity": [(-2.5, -2.5, 1), (0, 0, 1), (3, 3, 1)],
    "sigmoid": [(0, 1 / 2, 1 / 4), (LN3, 3 / 4, 3 / 16), (-LN3, 1 / 4, 3 / 16)],
    "tanh": [(0, 0, 1), (LN2, 3 / 5, 16 / 25), (-LN2, -3 / 5, 16 / 25)],
    "relu": [(-1, 0, 0), (0, 0, 0), (2, 2, 1)],
    "leaky_relu": [(-3, -0.03, 0.01), (0, 0, 0.01), (2, 2, 1)],
    "elu": [(-LN2, -1 / 2, 1 / 2), (0, 0, 1), (1.5, 1.5, 1)],
    "gelu": [(0, 0, 1 / 2), (1, 0.8411919906, 1.0829640838), (-1, -0.1588080094, -0.0829640838)],
    "silu": [
        (0, 0, 1 / 2),
        (LN3, 3 / 4 * LN3, 3 / 4 + 3 / 16 * LN3),
        (-LN3, -LN3 / 4, 1 / 4 - 3 / 16 * LN3),
    ],
    "softplus": [(0, LN2, 1 / 2), (LN3, math.log(4), 3 / 4), (-LN3, math.log(4 / 3), 1 / 4)],
}
NEED_Z = {"gelu", "silu"}
BEND_AT_0 = {"relu", "leaky_relu", "elu"}

finite_logits = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=4),
    elements=st.floats(-30, 30, allow_subnormal=False),
)


@pytest.fixture(params=ACTIVATIONS)
def name(request):
    return request.param


@pytest.mark.parametrize("table", [ACTIVATIONS, LOOPED_ACTIVATIONS], ids=["vectorized", "looped"])
def test_numbers_worked_by_hand(eager_xp, name, table):
    z, a, slope = (eager_xp.asarray([row]) for row in zip(*BY_HAND[name], strict=True))
    A = table[name].apply(z)
    np.testing.assert_allclose(eager_xp.to_numpy(A), eager_xp.to_numpy(a), rtol=1e-6, atol=1e-7)
    derivative = eager_xp.to_numpy(table[name].derivative(z, A))
    np.testing.assert_allclose(derivative, eager_xp.to_numpy(slope), rtol=1e-6, atol=1e-7)


def test_every_activation_is_worked_by_hand():
    assert BY_HAND.keys() == ACTIVATIONS.keys() == LOOPED_ACTIVATIONS.keys()


def test_vectorized_agrees_with_looped_on_every_library(eager_xp, name, rng):
    Z = eager_xp.asarray(rng.normal(scale=3, size=(3, 4)))
    A = ACTIVATIONS[name].apply(Z)
    pairs = [
        (A, LOOPED_ACTIVATIONS[name].apply(Z)),
        (ACTIVATIONS[name].derivative(Z, A), LOOPED_ACTIVATIONS[name].derivative(Z, A)),
    ]
    for vectorized, looped in pairs:
        got, expected = eager_xp.to_numpy(vectorized), eager_xp.to_numpy(looped)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)


@given(Z=finite_logits)
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_vectorized_agrees_with_looped_for_any_logits(name, Z):
    A = ACTIVATIONS[name].apply(Z)
    np.testing.assert_allclose(A, LOOPED_ACTIVATIONS[name].apply(Z), rtol=1e-12, atol=1e-14)
    slope, looped_slope = (
        table[name].derivative(Z, A) for table in (ACTIVATIONS, LOOPED_ACTIVATIONS)
    )
    np.testing.assert_allclose(slope, looped_slope, rtol=1e-11, atol=1e-13)


@given(Z=finite_logits)
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_the_slope_of_the_function(name, Z):
    h = 1e-5
    if name in BEND_AT_0:
        Z = np.where(abs(Z) < 2 * h, 1.0, Z)
    apply, derivative = ACTIVATIONS[name]
    difference = (apply(Z + h) - apply(Z - h)) / (2 * h)
    np.testing.assert_allclose(derivative(Z, apply(Z)), difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("table", [ACTIVATIONS, LOOPED_ACTIVATIONS], ids=["vectorized", "looped"])
def test_huge_logits_stay_finite(eager_xp, name, table):
    Z = eager_xp.asarray([[1e4, -1e4, 90.0, -90.0]])
    A = table[name].apply(Z)
    assert np.isfinite(eager_xp.to_numpy(A)).all()
    slope = eager_xp.to_numpy(table[name].derivative(Z, A))
    expected = [1, 1, 1, 1] if name == "identity" else saturated(name)
    np.testing.assert_allclose(slope, [expected], atol=1e-30)


def saturated(name):
    left = 0.01 if name == "leaky_relu" else 0
    right = 0 if name in ("sigmoid", "tanh") else 1
    return [right, left, right, left]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_leading_axes_are_kept(xp, name, dtype):
    Z = xp.asarray(np.linspace(-3, 3, 24).reshape(2, 3, 4), dtype)
    A = ACTIVATIONS[name].apply(Z)
    for array in (A, ACTIVATIONS[name].derivative(Z, A)):
        assert array.dtype == Z.dtype
        assert tuple(array.shape) == (2, 3, 4)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - NEED_Z))
@pytest.mark.parametrize("table", [ACTIVATIONS, LOOPED_ACTIVATIONS], ids=["vectorized", "looped"])
def test_derivative_needs_only_the_activations(name, table, rng):
    Z = rng.normal(size=(3, 4))
    A = table[name].apply(Z)
    np.testing.assert_array_equal(table[name].derivative(None, A), table[name].derivative(Z, A))
