"""Fitted models moved between libraries and devices."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.utils._array_api import get_namespace_and_device, move_estimator_to

from xpnet import MLPClassifier, backend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def model(few):
    settings = {"max_iter": 3, "random_state": 0, "early_stopping": True}
    return MLPClassifier((8,), **settings).fit(*few)


def test_to_a_library_and_back(few, model, eager_xp):
    there = model.to_device(eager_xp.backend)
    X = eager_xp.asarray(few.X)
    assert backend.where(there.classes_) == backend.where(X)
    assert (eager_xp.to_numpy(there.predict(X)) == model.predict(few.X)).all()
    back = there.to_device("numpy")
    assert (back.coefs_[0] == model.coefs_[0]).all()
    assert back.classes_.dtype == model.classes_.dtype
    assert back.get_params() == model.get_params()


def test_beside_data(few, model):
    X = backend.asarray(few.X, backend="torch")
    there = model.to_device(X)
    assert (there.predict(X).numpy() == model.predict(few.X)).all()
    assert isinstance(there.to_device(few.X.tolist()).coefs_[0], np.ndarray)


def test_to_another_device_of_its_library(few, model):
    there = model.to_device("array_api_strict").to_device("device1")
    assert backend.where(there.coefs_[0]) == "array_api_strict on device1"
    assert backend.where(there._best_params[0].W) == "array_api_strict on device1"
    assert backend.where(there.to_device("cpu").coefs_[0]) == "array_api_strict on cpu"


def test_numpys_gpu_is_cupys(model):
    try:
        backend.resolve("cupy")
    except backend.BackendError:
        with pytest.raises(backend.BackendError, match="'cupy'"):
            model.to_device("cuda")
    else:
        there = model.to_device("cuda")
        assert backend.where(there.coefs_[0]) == "cupy on cuda:0"
        assert isinstance(there.to_device("cpu").coefs_[0], np.ndarray)


def test_a_device_that_is_not_there(model):
    with pytest.raises(backend.BackendError, match="has no device 'tpu' here: choose one of cpu"):
        model.to_device("torch").to_device("tpu")


def test_a_moved_model_is_a_copy_that_goes_on_training(few, model):
    before = model.coefs_[0].copy()
    X = backend.asarray(few.X, backend="torch")
    there = model.to_device(X).partial_fit(X, few.y)
    assert len(there.loss_curve_) == 4
    assert (model.coefs_[0] == before).all()
    assert len(model.loss_curve_) == 3


def test_scikit_learns_own_way_of_moving(few, model):
    X = backend.asarray(few.X, backend="torch")
    with config_context(array_api_dispatch=True):
        xp, _, device = get_namespace_and_device(X)
        there = move_estimator_to(model, xp, device)
    assert (there.predict(X).numpy() == model.predict(few.X)).all()
