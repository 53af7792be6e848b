from __future__ import annotations

import numpy as np
import pytest

from xpnet.data import DataError, Scaling


def test_pixels_are_divided_by_the_brightest():
    X = np.array([[0, 4], [16, 8]], dtype=np.uint8)
    scaled = Scaling.fit(X, pixel_max=16).apply(X)
    np.testing.assert_array_equal(scaled, np.array([[0, 0.25], [1, 0.5]], dtype=np.float32))


def test_columns_get_mean_0_and_variance_1():
    X = np.random.default_rng(0).normal(50, 7, (1000, 3)) * [1, 1e-6, 1e6]
    scaled = Scaling.fit(X).apply(X)
    np.testing.assert_allclose(scaled.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0, dtype=np.float64), 1, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e9])
def test_a_constant_column_becomes_0(value):
    for dtype in (np.float32, np.float64):
        X = np.full((1001, 1), value, dtype=dtype)
        scaling = Scaling.fit(X)
        assert scaling.scale == 1
        np.testing.assert_allclose(scaling.apply(X), 0, atol=1e-6)


def test_a_column_that_differs_by_rounding_stays_near_0():
    identifiers = 1e20 + 16384.0 * np.arange(50)[:, None]
    assert np.abs(Scaling.fit(identifiers).apply(identifiers)).max() < 0.1


def test_large_numbers_keep_their_differences():
    times = np.array([[1.7e9], [1.7e9 + 1], [1.7e9 + 2]])
    np.testing.assert_allclose(
        Scaling.fit(times).apply(times)[:, 0], [-np.sqrt(1.5), 0, np.sqrt(1.5)], rtol=1e-6
    )


def test_new_samples_are_scaled_as_the_training_samples_were():
    scaling = Scaling.fit(np.array([[0.0], [2.0]]))
    np.testing.assert_array_equal(scaling.apply(np.array([[5.0]])), [[4.0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.int64, np.float32, np.float64])
def test_the_result_is_contiguous_float32_and_the_input_untouched(dtype):
    X = np.asfortranarray(np.random.default_rng(0).integers(0, 2, (700, 3)).astype(dtype))
    X.flags.writeable = False
    scaled = Scaling.fit(X).apply(X)
    assert scaled.dtype == np.float32
    assert scaled.flags.c_contiguous
    np.testing.assert_allclose(scaled, (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-5)


def test_float64_is_not_rounded_to_float32_on_the_way():
    X = np.random.default_rng(0).normal(size=(700, 3))
    scaled = Scaling.fit(X).apply(X, "float64")
    assert scaled.dtype == np.float64
    np.testing.assert_allclose(scaled, (X - X.mean(axis=0)) / X.std(axis=0), rtol=1e-13)


@pytest.mark.parametrize("shape", [(4, 2), (3,)])
def test_another_width_is_refused(shape):
    scaling = Scaling.fit(np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"X has shape .*: expected \(m, 3\), the features"):
        scaling.apply(np.zeros(shape))


@pytest.mark.parametrize("value", [1e200, -1e308, 1.7e308])
def test_a_column_whose_spread_overflows(value):
    X = np.array([[1.0, 0.0], [2.0, value], [3.0, 0.0]])
    with pytest.raises(DataError, match=r"^column 1 of X \(counted from 0\) holds numbers up to 1"):
        Scaling.fit(X)


def test_a_sample_that_scaled_no_float_holds():
    scaling = Scaling.fit(np.array([[1.0, 1.0], [2.0, 1.5]]))
    X = np.ones((400, 2))
    X[300, 1] = 1e300
    with pytest.raises(
        DataError, match=r"^X holds 1e\+300 at row 300, column 1 .*number near 1.25, .* float32 can"
    ):
        scaling.apply(X)
    assert np.isfinite(scaling.apply(X, np.float64)).all()
