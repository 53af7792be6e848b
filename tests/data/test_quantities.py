from __future__ import annotations

import numpy as np
import pytest

from xpnet.data import DataError, Quantities, load
from xpnet.data.quantities import are_quantities, as_targets


def test_targets_scaled_and_back():
    y = np.array([1.0, 2.0, 6.0])
    quantities = Quantities.of(y)
    assert quantities.encode(y).shape == (3, 1)
    np.testing.assert_allclose(quantities.encode(y).std(), 1.0)
    np.testing.assert_allclose(quantities.decode(quantities.encode(y).T), y)


def test_digits_that_show_a_millionth_of_the_spread():
    found = [Quantities(shift, 1e3).digits for shift in (0.0, 999.0, 2e3, -1e9, 1e200)]
    assert found == [6, 6, 7, 12, 17]


def test_counts_are_not_shifted():
    quantities = Quantities.of(np.array([0.0, 2.0, 4.0]), positive=True)
    assert quantities == Quantities(0.0, 2.0)


@pytest.mark.parametrize(
    ("y", "positive", "message"),
    [
        ([3, 3], False, "y holds only 3: expected numbers to tell apart"),
        ([1e308, -1e308], False, r"y holds numbers up to 1e\+308"),
        ([-1, 2], True, r"y holds -1: expected counts, 0 or more, .* \(--loss mse\)"),
    ],
)
def test_targets_that_do_not_serve(y, positive, message):
    with pytest.raises(DataError, match=message):
        Quantities.of(np.array(y, float), positive=positive)


@pytest.mark.parametrize(
    ("y", "chosen", "quantities"),
    [
        (np.arange(40.0), False, True),
        (np.arange(40), False, True),
        (np.arange(400) % 40, False, False),
        (np.arange(20), False, False),
        (np.arange(80) % 8 / 2, False, True),
        (np.array([f"{k % 8 / 2}" for k in range(80)]), True, False),
        (np.array([f"{k}.0" for k in range(40)]), False, True),
        (np.array([f"no {k}" for k in range(40)]), False, False),
        (np.array(["0.0", "1.0"] * 20), False, False),
    ],
)
def test_labels_say_what_they_are(y, chosen, quantities):
    assert are_quantities(y, chosen) is quantities
    assert (as_targets(y, "y", None, chosen).dtype.kind == "f") is quantities


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["1.5", "x"]), "y has 'x': expected a number for every sample, as --task"),
        (np.array([1.0, np.nan]), "y holds nan at row 1"),
        (np.ones((2, 2)), r"y has shape \(2, 2\)"),
        (np.ones(2, complex), "y has dtype complex128"),
    ],
)
def test_what_no_regression_learns(y, message):
    with pytest.raises(DataError, match=message):
        as_targets(y, "y", "regression")


def test_the_task_of_an_archive(tmp_path):
    X, y = np.arange(80.0).reshape(40, 2), np.arange(40) / 3
    np.savez(tmp_path / "a.npz", X_train=X, y_train=y, X_test=X, y_test=np.arange(40))
    dataset = load(tmp_path / "a.npz", task=None)
    assert (dataset.task, dataset.y_test.dtype) == ("regression", np.float64)
    with pytest.raises(DataError, match="expected whole numbers or text"):
        load(tmp_path / "a.npz")
    assert load("digits", task="regression").task == "regression"
