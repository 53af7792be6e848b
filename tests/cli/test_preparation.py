from __future__ import annotations

import numpy as np
import pytest

import xpnet
from xpnet.cli.preparation import Preparation
from xpnet.persist import ModelFileError

X = np.array([[0, 10], [4, 30]], dtype=np.uint8)
Y = np.array(["b", "a"])
NET = xpnet.Network((2, 2), output="softmax")


@pytest.fixture
def preparation():
    return Preparation.of(X, Y, pixel_max=40)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_become_scaled_columns_on_the_backend(preparation, dtype):
    with xpnet.use_backend("torch", dtype=dtype):
        inputs, targets = preparation.pair(X, Y)
    assert str(inputs.dtype) == str(targets.dtype) == f"torch.{dtype}"
    np.testing.assert_allclose(inputs.numpy(), [[0, 0.1], [0.25, 0.75]], rtol=1e-7)
    np.testing.assert_array_equal(targets.numpy(), [[0, 1], [1, 0]])


def test_it_comes_back_from_a_model_file(preparation, tmp_path):
    path = tmp_path / "model"
    xpnet.save(path, NET, NET.init(), **preparation.metadata())
    back = Preparation.read(xpnet.load(path)[2], NET, str(path))
    assert back.classes == preparation.classes
    np.testing.assert_array_equal(back.inputs(X), preparation.inputs(X))


def test_a_model_without_it():
    with pytest.raises(
        ModelFileError, match=r"^m has no scaling_shift: expected a classifier that xpnet train"
    ):
        Preparation.read({}, NET, "m")


@pytest.mark.parametrize(
    ("changed", "net"),
    [
        ({"classes": ["a", "b", "c"]}, NET),
        ({"scaling_shift": np.zeros(3)}, NET),
        ({}, xpnet.Network((2, 2), output="sigmoid")),
    ],
    ids=["classes", "scaling", "output"],
)
def test_what_does_not_fit_its_network(preparation, changed, net):
    with pytest.raises(ModelFileError, match=r"^m has shift, scale, classes and output .*expected"):
        Preparation.read(preparation.metadata() | changed, net, "m")


def test_float64_is_not_rounded_to_float32_on_the_way():
    X = np.random.default_rng(0).normal(size=(20, 2))
    preparation = Preparation.of(X, np.arange(20) % 2, None)
    with xpnet.use_backend("numpy", dtype="float64"):
        inputs = preparation.inputs(X)
    np.testing.assert_allclose(inputs.T, (X - X.mean(axis=0)) / X.std(axis=0), rtol=1e-13)
