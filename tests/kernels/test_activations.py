from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bench.accuracy import FUNCTIONS
from tests.kernels import tables
from xpnet.kernels import ACTIVATIONS

finite_logits = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=4),
    elements=st.floats(-30, 30, allow_subnormal=False),
)


@pytest.fixture(params=ACTIVATIONS)
def name(request):
    return request.param


@pytest.fixture(params=["vectorized", "looped"])
def pair(request, name):
    """A function and its derivative, vectorized or looped."""
    row = ACTIVATIONS[name]
    if request.param == "looped":
        return row.apply_looped, row.derivative_looped
    return row.apply, row.derivative


def test_numbers_worked_by_hand(name, pair):
    apply, derivative = pair
    z, a, slope = (np.asarray([row], float) for row in zip(*of(name).by_hand, strict=True))
    A = apply(z)
    np.testing.assert_allclose(A, a, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(derivative(z, A), slope, rtol=1e-9, atol=1e-10)


def of(name):
    return tables.ACTIVATIONS[name]


def test_every_activation_is_in_the_tables_of_the_tests():
    assert tables.ACTIVATIONS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_computes_the_same(xp, dtype, rng):
    on_host = rng.normal(scale=3, size=(2, 3, 4))
    tolerance = {"rtol": 1e-12, "atol": 1e-13} if dtype == "float64" else {"rtol": 2e-5}
    Z = xp.asarray(on_host, dtype)
    for name, row in ACTIVATIONS.items():
        A = row.apply(Z)
        expected = row.apply(on_host)
        for got, array in (
            (A, expected),
            (row.derivative(Z, A), row.derivative(on_host, expected)),
        ):
            assert got.dtype == Z.dtype
            np.testing.assert_allclose(
                xp.to_numpy(got), array, **{"atol": 2e-6, **tolerance}, err_msg=name
            )


def test_looped_on_every_library(eager_xp, rng):
    Z = eager_xp.asarray(rng.normal(scale=3, size=(1, 3)))
    for name, row in ACTIVATIONS.items():
        A = row.apply_looped(Z)
        for got, expected in (
            (A, row.apply(Z)),
            (row.derivative_looped(Z, A), row.derivative(Z, A)),
        ):
            assert got.dtype == Z.dtype
            pair = eager_xp.to_numpy(got), eager_xp.to_numpy(expected)
            np.testing.assert_allclose(*pair, rtol=2e-5, atol=2e-6, err_msg=name)


@given(Z=finite_logits)
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_vectorized_agrees_with_looped_for_any_logits(name, Z):
    row = ACTIVATIONS[name]
    A = row.apply(Z)
    np.testing.assert_allclose(A, row.apply_looped(Z), rtol=1e-12, atol=1e-14)
    slope, looped_slope = row.derivative(Z, A), row.derivative_looped(Z, A)
    np.testing.assert_allclose(slope, looped_slope, rtol=1e-11, atol=1e-13)


@given(Z=finite_logits)
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_the_slope_of_the_function(name, Z):
    h = 1e-5
    row = ACTIVATIONS[name]
    for bend in row.bends:
        Z = np.where(abs(Z - bend) < 2 * h, 1.0, Z)
    difference = (row.apply(Z + h) - row.apply(Z - h)) / (2 * h)
    np.testing.assert_allclose(row.derivative(Z, row.apply(Z)), difference, rtol=1e-6, atol=1e-8)


def test_at_a_kink_the_derivative_is_the_slope_to_the_left(name):
    row = ACTIVATIONS[name]
    at = np.asarray([row.bends])
    left = row.derivative(at - 1e-9, row.apply(at - 1e-9))
    np.testing.assert_allclose(row.derivative(at, row.apply(at)), left, atol=1e-8)


def test_huge_logits_stay_finite(name, pair):
    apply, derivative = pair
    Z = np.asarray([[-1e4, 1e4, -90.0, 90.0]], "float32")
    A = apply(Z)
    assert np.isfinite(A).all()
    exact = [float(FUNCTIONS[name].derivative(mpmath.mpf(z))) for z in Z[0].tolist()]
    for slope, expected in zip(derivative(Z, A)[0], exact, strict=True):
        # One that ends at 0 as slowly as 1/z² is no more exact than A, if it is computed from A.
        least = 1e-30 if abs(expected) < 1e-30 else 1e-8
        assert slope == pytest.approx(expected, rel=1e-7, abs=least)


def test_the_derivative_is_given_z_where_it_needs_it(name, pair, rng):
    apply, derivative = pair
    Z = rng.normal(size=(3, 4))
    A = apply(Z)
    if ACTIVATIONS[name].needs_Z:
        with pytest.raises((TypeError, AttributeError)):
            derivative(None, A)
    else:
        np.testing.assert_array_equal(derivative(None, A), derivative(Z, A))
