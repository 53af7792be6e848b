from __future__ import annotations

import numpy as np
import pytest

import xpnet
from xpnet.cli.model import Model, ModelFile
from xpnet.cli.parts import Parts
from xpnet.data import Columns, Dataset
from xpnet.persist import ModelFileError

COLUMNS = Columns(("a", "kind", "b"), 1, named=True)
NET = xpnet.Network((2, 2), output="softmax")


@pytest.fixture
def parts():
    X = np.arange(40.0).reshape(20, 2)
    return Parts.of(Dataset("twenty", X, np.arange(20) % 2), 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_of_the_dtype_that_is_computed_in(parts, tmp_path, dtype):
    path = tmp_path / "model"
    params = NET.init()
    ModelFile.of(path, NET, parts, COLUMNS).save(params)
    with xpnet.use_backend("torch", dtype=dtype):
        model = Model.load(path)
    assert (model.net, model.trained_on) == (NET, parts.fingerprint)
    assert model.columns == COLUMNS
    assert str(model.params[0].W.dtype) == f"torch.{dtype}"
    np.testing.assert_array_equal(model.params[0].W.numpy(), params[0].W)


def test_a_model_that_the_library_saved(tmp_path):
    path = tmp_path / "model"
    xpnet.save(path, NET, NET.init())
    with pytest.raises(ModelFileError, match="model has no scaling_shift: expected a classifier"):
        Model.load(path)


def test_a_model_of_data_that_are_no_table(parts, tmp_path):
    path = tmp_path / "model"
    ModelFile.of(path, NET, parts, None).save(NET.init())
    assert Model.load(path).columns is None


def test_a_model_in_float16_is_cast(parts, tmp_path):
    path = tmp_path / "model"
    half = tuple(xpnet.Dense(W.astype("float16"), b.astype("float16")) for W, b in NET.init())
    ModelFile.of(path, NET, parts, None).save(half)
    params = Model.load(path).params
    assert params[0].W.dtype == np.float32
    np.testing.assert_array_equal(params[0].W, half[0].W)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"names": 5},
        {"names": ["a"], "label": 0},
        [1],
        {"names": [1, 2], "label": 0, "named": 1},
    ],
)
def test_damaged_columns(parts, tmp_path, kept):
    path = tmp_path / "model"
    xpnet.save(path, NET, NET.init(), **parts.preparation.metadata(), columns=kept)
    with pytest.raises(ModelFileError, match=r"model has columns .*: expected .*; train and save"):
        Model.load(path)
