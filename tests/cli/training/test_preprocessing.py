from __future__ import annotations

import numpy as np
import pytest

import xpnet
from xpnet.cli.training.preprocessing import Preprocessing
from xpnet.data import Dataset


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_become_scaled_columns_on_the_backend(dtype):
    X = np.array([[0, 10], [4, 30]], dtype=np.uint8)
    y = np.array(["b", "a"])
    preprocessing = Preprocessing.fit(Dataset("pixels", X, y, pixel_max=40))
    with xpnet.use_backend("torch", dtype=dtype):
        inputs, targets = preprocessing.inputs_and_targets(X, y)
    assert str(inputs.dtype) == str(targets.dtype) == f"torch.{dtype}"
    np.testing.assert_allclose(inputs.numpy(), [[0, 0.1], [0.25, 0.75]], rtol=1e-7)
    np.testing.assert_array_equal(targets.numpy(), [[0, 1], [1, 0]])


def test_float64_is_not_rounded_to_float32_on_the_way():
    X = np.random.default_rng(0).normal(size=(20, 2))
    preprocessing = Preprocessing.fit(Dataset("plain", X, np.arange(20) % 2))
    with xpnet.use_backend("numpy", dtype="float64"):
        inputs = preprocessing.inputs(X)
    np.testing.assert_allclose(inputs.T, (X - X.mean(axis=0)) / X.std(axis=0), rtol=1e-13)
