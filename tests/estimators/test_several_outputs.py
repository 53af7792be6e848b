"""Regressors of several outputs, whose losses have a share of xpnet's: runs, steps and searches."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.fused.runs import STEPS, refuse
from tests.kernels.cases import Library
from tests.train.cases import Heard
from xpnet import MLPClassifier, MLPRegressor, backend
from xpnet import model_selection as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {
    "hidden_layer_sizes": (7,),
    "batch_size": 30,
    "max_iter": 3,
    "alpha": 0.3,
    "random_state": 0,
}


def outputs(data: Any) -> np.ndarray:
    return np.stack([data.y, data.X[:, 10], data.y / 2], axis=1).astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_they_are_trained_in_runs(few, name, weighted):
    pytest.importorskip("numba" if name == "numpy" else name)
    library = Library(name)
    X, Y = library.asarray(few.X, "float32"), library.asarray(outputs(few), "float32")
    s = np.linspace(0.1, 2, len(few.y), dtype="float32") if weighted else None
    s = None if s is None else library.asarray(s, "float32")
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        model = MLPRegressor(**SETTINGS).fit(X, Y, s)
    expected = MLPRegressor(callbacks=[Heard()], **SETTINGS).fit(X, Y, s)
    tolerance = 0.0 if name == "numpy" else 1e-5
    for found, other in zip(model.coefs_, expected.coefs_, strict=True):
        other = backend.to_numpy(other)
        np.testing.assert_allclose(backend.to_numpy(found), other, tolerance, tolerance)
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=tolerance)


@pytest.mark.parametrize("chosen", [np.s_[:, 1], np.s_[:, 1:]], ids=["column", "columns"])
def test_so_are_those_of_targets_that_are_columns_of_a_table(few, chosen):
    pytest.importorskip("numba")
    X, Y = few.X.astype(np.float32), outputs(few)[chosen]
    assert not Y.flags.c_contiguous
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        model = MLPRegressor(**SETTINGS).fit(X, Y)
    assert model.loss_curve_ == MLPRegressor(**SETTINGS).fit(X, Y.copy()).loss_curve_


def test_so_are_labels_by_columns(few):
    pytest.importorskip("numba")
    labels = np.asfortranarray(outputs(few) > np.median(outputs(few), axis=0))
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        model = MLPClassifier(**SETTINGS).fit(few.X, labels)
    assert model.loss_curve_ == MLPClassifier(**SETTINGS).fit(few.X, labels.copy("C")).loss_curve_


@pytest.mark.parametrize("graph", ["0", "1"])
def test_on_cupy_no_plan_leaves_the_share_out(few, graph, monkeypatch):
    cupy = pytest.importorskip("cupy")
    monkeypatch.setenv("XPNET_CUDA_GRAPH", graph)
    Y = outputs(few)
    model = MLPRegressor(**SETTINGS).fit(cupy.asarray(few.X), cupy.asarray(Y))
    expected = MLPRegressor(**SETTINGS).fit(few.X, Y)
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-4)


def test_jax_compiles_their_run_once(few):
    pytest.importorskip("jax")
    programs, library = import_module("xpnet.fused.jax.run")._run_program, Library("jax")
    X, Y = library.asarray(few.X, "float32"), library.asarray(outputs(few), "float32")
    MLPRegressor(**SETTINGS).fit(X, Y)
    compiled = programs.cache_info().misses
    MLPRegressor(**SETTINGS).fit(X, Y)
    assert programs.cache_info().misses == compiled


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_candidates_are_trained_together(few, name, capsys):
    library, Y = Library(name), outputs(few)
    X, there = library.asarray(few.X, "float32"), library.asarray(Y, "float32")
    grid = {"alpha": [1e-3, 0.3], "random_state": [0, 1]}
    search = ours.GridSearchCV(MLPRegressor(**SETTINGS), grid, cv=2, verbose=1).fit(X, there)
    assert "one after another" not in capsys.readouterr().out
    alone = MLPRegressor(**SETTINGS | search.best_params_).fit(few.X, Y)
    np.testing.assert_allclose(search.best_estimator_.loss_curve_, alone.loss_curve_, rtol=1e-5)
    scores = ours.cross_val_score(MLPRegressor(**SETTINGS | search.best_params_), few.X, Y, cv=2)
    assert scores.mean() == pytest.approx(search.best_score_, rel=1e-4)
