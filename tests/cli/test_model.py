from __future__ import annotations

import numpy as np
import pytest

import xpnet
from xpnet.cli.model import Model, ModelFile
from xpnet.cli.parts import Parts
from xpnet.data import Dataset
from xpnet.persist import ModelFileError

NET = xpnet.Network((2, 2), output="softmax")


@pytest.fixture
def parts():
    X = np.arange(40.0).reshape(20, 2)
    return Parts.of(Dataset("twenty", X, np.arange(20) % 2), 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_of_the_dtype_that_is_computed_in(parts, tmp_path, dtype):
    path = tmp_path / "model"
    params = NET.init()
    ModelFile.of(path, NET, parts, "kind").save(params)
    with xpnet.use_backend("torch", dtype=dtype):
        model = Model.load(path)
    assert (model.net, model.trained_on) == (NET, parts.fingerprint)
    assert str(model.params[0].W.dtype) == f"torch.{dtype}"
    np.testing.assert_array_equal(model.params[0].W.numpy(), params[0].W)


def test_a_model_that_the_library_saved(tmp_path):
    path = tmp_path / "model"
    xpnet.save(path, NET, NET.init())
    with pytest.raises(ModelFileError, match="model has no scaling_shift: expected a classifier"):
        Model.load(path)
