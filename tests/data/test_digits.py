from __future__ import annotations

import numpy as np

from xpnet.data.digits import read_digits


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    digits, theirs = read_digits(), load_digits()
    assert digits.X_train.dtype == np.uint8
    assert digits.pixel_max == 16 == digits.X_train.max()
    np.testing.assert_array_equal(digits.X_train, theirs.data)
    np.testing.assert_array_equal(digits.y_train, theirs.target)
    assert digits.X_test is None
    assert digits.y_test is None
