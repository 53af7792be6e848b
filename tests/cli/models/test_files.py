from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.persist.damage import damaged
from xpnet.cli.commands.predict import Predictions, as_csv
from xpnet.cli.models.files import Model, ModelFile
from xpnet.cli.training.splits import Shares, Split
from xpnet.data import Columns, Dataset
from xpnet.exceptions import ModelFileError

TABLE = Columns(("a", "kind", "b"), 1, named=True)
NET = xpnet.Network((2, 2), output="softmax")
X = np.arange(40.0).reshape(20, 2)
DATASET = Dataset("twenty", X, np.arange(20) % 2, columns=TABLE)
SPLIT = Split.of(DATASET, Shares(validation=0.0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model"


@pytest.fixture
def load(monkeypatch):
    """Return a function that loads a model, called m, whose metadata has changes."""

    def load_changed(net=NET, without=(), **changes):
        metadata = (
            ModelFile.of("m", NET, SPLIT, DATASET, {}).metadata | {"columns": columns()} | changes
        )
        for name in without:
            del metadata[name]
        monkeypatch.setattr("xpnet.persist.load", lambda path: (net, NET.init(), metadata))
        return Model.load(Path("m"))

    return load_changed


def columns(**changes):
    """Those of `TABLE` as JSON has them."""
    return TABLE._asdict() | {"names": list(TABLE.names)} | changes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_of_the_dtype_that_is_computed_in(path, dtype):
    params = NET.init()
    ModelFile.of(path, NET, SPLIT, DATASET, {}).save(params)
    with xpnet.use_backend("torch", dtype=dtype):
        model = Model.load(path)
    assert (model.net, model.trained_on, model.columns) == (NET, SPLIT.fingerprint, TABLE)
    assert str(model.params[0].W.dtype) == f"torch.{dtype}"
    np.testing.assert_array_equal(model.params[0].W.numpy(), params[0].W)
    assert model.preprocessing.classes == SPLIT.preprocessing.classes
    np.testing.assert_array_equal(model.preprocessing.inputs(X), SPLIT.preprocessing.inputs(X))


def test_a_model_in_float16_is_cast(path):
    half = tuple(xpnet.Dense(W.astype("float16"), b.astype("float16")) for W, b in NET.init())
    ModelFile.of(path, NET, SPLIT, DATASET, {}).save(half)
    params = Model.load(path).params
    assert params[0].W.dtype == np.float32
    np.testing.assert_array_equal(params[0].W, half[0].W)


def test_a_model_that_the_library_saved(path):
    xpnet.save(path, NET, NET.init())
    with pytest.raises(ModelFileError, match="model has no scaling_shift: expected a classifier"):
        Model.load(path)


@pytest.mark.parametrize("name", ["scaling_shift", "scaling_scale", "classes"])
def test_metadata_that_is_missing(load, name):
    with pytest.raises(
        ModelFileError, match=rf"^m has no {name}: expected a classifier that xpnet train saved"
    ):
        load(without=(name,))


@pytest.mark.parametrize(
    ("net", "changes"),
    [
        (NET, {"classes": ["a", "b", "c"]}),
        (NET, {"scaling_shift": np.zeros(3)}),
        (NET, {"scaling_scale": np.ones((1, 2))}),
        (xpnet.Network((2, 2), output="sigmoid"), {}),
    ],
    ids=["classes", "shift", "scale", "output"],
)
def test_metadata_that_does_not_fit_the_network(load, net, changes):
    with pytest.raises(ModelFileError, match=r"^m has shift, scale, classes and output .*expected"):
        load(net, **changes)


@pytest.mark.parametrize("shift", [np.array([1, 2], np.uint8), [1.0, 2.0]])
def test_numbers(load, shift):
    np.testing.assert_array_equal(load(scaling_shift=shift).preprocessing.scaling.shift, [1, 2])


@pytest.mark.parametrize(
    "shift",
    [
        *(np.array([1.0, np.nan]), np.array([True, False]), None, {}, "12"),
        *(["a", "b"], [[1], [1, 2]], [10**30, 1]),
    ],
    ids=str,
)
def test_what_is_not_numbers(load, shift):
    with pytest.raises(
        ModelFileError, match=r"^m has scaling_shift .*: expected an array of finite num"
    ):
        load(scaling_shift=shift)


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (["b", "a"], ("b", "a")),
        ([-3, 2**64 - 1], (-3, 2**64 - 1)),
        (np.array([4, 7]), (4, 7)),
    ],
    ids=str,
)
def test_classes(load, classes, labels):
    assert load(classes=classes).preprocessing.classes.labels == labels


@pytest.mark.parametrize(
    "classes",
    [
        *(None, 5, "ab", [], {"a": 1}),
        *(["a", 1], [1.5, 2], [True, False], [[1], [2]], ["a", "a"]),
        *([1, 10**30], ["a", "\ud800"], [None] * 9999),
    ],
    ids=range(13),
)
def test_what_is_not_classes(load, classes):
    with pytest.raises(ModelFileError, match=r"^m has classes .*: expected a list of la") as error:
        load(classes=classes)
    assert len(str(error.value)) < 300
    assert str(error.value).encode()


def test_columns(load):
    assert load().columns == TABLE
    assert load(columns=None).columns is load(without=("columns",)).columns is None
    former = {name: columns()[name] for name in ("names", "label", "named")}
    assert load(columns=former).columns == TABLE


@pytest.mark.parametrize(
    "change",
    [
        {"names": "abc"},
        {"names": ["a"], "label": 0},
        {"names": ["a", 5, "b"]},
        {"names": ["a", "\ud800", "b"]},
        {"label": 3},
        {"label": -1},
        {"label": True},
        {"label": "1"},
        {"named": None},
        {"indexed": 1},
        {"header": "yes"},
        *({"delimiter": 5}, {"delimiter": ";;"}, {"delimiter": ""}, {"delimiter": "\ud800"}),
        {"unknown": "entry"},
    ],
    ids=str,
)
def test_what_is_not_columns(load, change):
    with pytest.raises(ModelFileError, match=r"^m has columns .*: expected .*; train and save"):
        load(columns=columns(**change))


@pytest.mark.parametrize("found", [5, "abc", [], {}, {"names": []}], ids=str)
def test_columns_of_another_type(load, found):
    with pytest.raises(ModelFileError, match=r"^m has columns .*: expected the entries names, lab"):
        load(columns=found)


def test_a_fingerprint(load):
    assert load(trained_on="abc").trained_on == "abc"
    assert load(without=("trained_on",)).trained_on is None
    with pytest.raises(ModelFileError, match=r"^m has trained_on \['abc'\]: expected text"):
        load(trained_on=["abc"])


def test_a_damaged_file_is_refused_or_predicts(model, path):
    rng, loaded = random.Random(0), 0
    content = model.read_bytes()
    for _ in range(400):
        path.write_bytes(damaged(content, rng))
        try:
            found = Model.load(path)
        except ModelFileError:
            continue
        loaded += 1
        inputs = found.preprocessing.inputs(found.preprocessing.scaling.shift[None, :])
        assert not np.any(inputs)
        assert as_csv(Predictions([("flowers", np.eye(3))], found.preprocessing.targets))
        assert found.columns is None or len(found.columns.features) >= 0
    assert 0 < loaded < 200
