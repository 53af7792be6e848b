"""Models in safetensors files."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import xpnet
from xpnet import MLPClassifier, MLPRegressor, backend, optim
from xpnet.persist import ModelFileError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}


def names(y):
    return np.char.add("digit ", y.astype(str))


@pytest.mark.parametrize("label", [int, float, bool, names], ids=["int", "float", "bool", "names"])
def test_a_classifier_comes_back(few, tmp_path, label):
    y = label(few.y) if label is names else few.y.astype(label)
    settings = SETTINGS | {"class_weight": {y[0]: 2.0}, "activation": ("gelu",)}
    model = MLPClassifier(**settings, early_stopping=True).fit(few.X, y)
    model.save(tmp_path / "model.safetensors")
    loaded = MLPClassifier.load(tmp_path / "model.safetensors")
    assert loaded.get_params() == model.get_params()
    predicted = loaded.predict(few.X)
    assert (predicted == model.predict(few.X)).all()
    assert predicted.dtype.kind == y.dtype.kind
    for name in (
        "loss_curve_",
        "validation_scores_",
        "n_iter_",
        "t_",
        "n_features_in_",
        "stopped_",
    ):
        assert getattr(loaded, name) == getattr(model, name)
    loaded.partial_fit(few.X, y)
    assert loaded.loss_curve_[:2] == model.loss_curve_


def test_a_regressor_comes_back_where_it_is_wanted(few, tmp_path):
    model = MLPRegressor(**SETTINGS, loss="poisson").fit(*few)
    model.save(tmp_path / "model.safetensors")
    X = backend.asarray(few.X, backend="torch")
    loaded = MLPRegressor.load(tmp_path / "model.safetensors", xp="torch")
    np.testing.assert_allclose(loaded.predict(X).numpy(), model.predict(few.X), rtol=1e-5)


def test_feature_names_come_back(few, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(few.X, columns=[f"p{i}" for i in range(64)])
    MLPClassifier(**SETTINGS).fit(frame, few.y).save(tmp_path / "model.safetensors")
    loaded = MLPClassifier.load(tmp_path / "model.safetensors")
    assert loaded.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(frame[frame.columns[::-1]])


def test_what_no_file_holds_has_its_default(few, tmp_path):
    random = np.random.RandomState(0)
    model = MLPClassifier(**SETTINGS | {"random_state": random}, solver=optim.adamw).fit(*few)
    model.save(tmp_path / "model.safetensors")
    loaded = MLPClassifier.load(tmp_path / "model.safetensors")
    assert (loaded.solver, loaded.random_state) == ("adam", None)
    assert (loaded.predict(few.X) == model.predict(few.X)).all()


def test_the_network_alone_can_be_read(few, tmp_path):
    model = MLPClassifier(**SETTINGS).fit(*few)
    model.save(tmp_path / "model.safetensors")
    net, params, _ = xpnet.load(tmp_path / "model.safetensors")
    probabilities = xpnet.predict(net, params, few.X.T).T
    np.testing.assert_allclose(probabilities, model.predict_proba(few.X), rtol=1e-5)


def test_files_of_others_are_refused(few, tmp_path):
    path = tmp_path / "model.safetensors"
    MLPRegressor(**SETTINGS).fit(*few).save(path)
    with pytest.raises(ModelFileError, match="holds MLPRegressor: expected MLPClassifier"):
        MLPClassifier.load(path)
    net = xpnet.Network((2, 1))
    xpnet.save(path, net, net.init())
    with pytest.raises(ModelFileError, match="holds a network alone: expected MLPClassifier"):
        MLPClassifier.load(path)


def test_nothing_fitted_nothing_saved(tmp_path):
    with pytest.raises(NotFittedError):
        MLPClassifier().save(tmp_path / "model.safetensors")
    with pytest.raises(NotFittedError):
        MLPClassifier().to_device("torch")
