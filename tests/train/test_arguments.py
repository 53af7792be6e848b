"""What `fit` takes in place of its defaults, what it casts, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close
from tests.train.cases import Heard, M, train
from xpnet import LOOPED, VECTORIZED, backend, value_and_grad


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_what_is_no_floating_point_number_is_cast(eager_xp, case, dtype):
    pixels = np.random.default_rng(0).integers(0, 2, (3, M))
    case = case.on(eager_xp)
    floats = replace(case, X=eager_xp.asarray(pixels))
    integers = replace(
        case,
        X=eager_xp.asarray(pixels, dtype),
        Y=eager_xp.asarray(eager_xp.to_numpy(case.Y), dtype),
    )
    results = [
        train(case, epochs=1, kernels=VECTORIZED, validation=(case.X, case.Y))
        for case in (integers, floats)
    ]
    assert_trees_close(results[0].params, results[1].params)
    assert results[0].history[0]["val_cost"] == results[1].history[0]["val_cost"]


def test_no_epochs_learn_nothing(case):
    result = train(case, epochs=0)
    assert (result.history, result.stopped) == ((), "all epochs done")
    assert_trees_close(result.params, case.params, "float64")


def test_kernels_enter_as_a_value(case):
    looped, vectorized = (
        train(case, kernels=kernels, epochs=1, validation=(case.X, case.Y))
        for kernels in (LOOPED, VECTORIZED)
    )
    assert_trees_close(looped.params, vectorized.params, "float64")
    assert looped.history[0]["val_cost"] == pytest.approx(vectorized.history[0]["val_cost"])


def test_another_value_and_grad_is_told_everything(case):
    told = []

    def noting(net, params, X, Y, **settings):
        told.append(settings)
        return value_and_grad(net, params, X, Y, **settings)

    train(case, value_and_grad=noting, kernels=VECTORIZED, l2=0.5, dropout=0.5, epochs=1)
    for settings in told:
        assert {*settings} == {"kernels", "sample_weight", "l2", "masks"}
        assert (settings["kernels"], settings["l2"]) == (VECTORIZED, 0.5)
        assert [mask.shape[0] for mask in settings["masks"]] == [5]


def test_dask_is_refused(case):
    X = backend.asarray(case.X, backend="dask")
    with pytest.raises(
        TypeError,
        match=r"^X is a Dask array: fit does not train on Dask; use xpnet\.value_and_grad on it, "
        r"or move X with X\.compute\(\)$",
    ):
        train(replace(case, X=X))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size is 0: expected 1 or more samples a batch"),
        ({"seed": -1}, ValueError, "seed is -1 and epoch 0: expected numbers from 0 on"),
        (
            {"dropout": 1.0},
            ValueError,
            "dropout is 1.0: expected a share of units, 0 or more and below 1",
        ),
        (
            {"sample_weight": np.ones(M)},
            ValueError,
            rf"sample_weight has shape \({M},\): expected \(1, {M}\), a weight a sample",
        ),
        (
            {"sample_weight": np.ones((1, M), "float32")},
            TypeError,
            "sample_weight has dtype float32, but .*float64",
        ),
    ],
)
def test_settings_are_refused_before_anything_is_told(case, settings, error, message):
    heard = Heard()
    with pytest.raises(error, match=message):
        train(case, callbacks=[heard], **settings)
    assert heard.moments == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X: X.T, ValueError, r"X has shape \(10, 3\).*pass X\.T"),
        (lambda X: X[:, :0], ValueError, r"Y has shape \(2, 10\): expected \(2, 0\)"),
        (np.float32, TypeError, "X has dtype float32, but the kernels were given float64"),
        (lambda X: X.tolist(), TypeError, "X holds a list, expected an array"),
        (
            lambda X: backend.asarray(X, backend="array_api_strict"),
            TypeError,
            "params lies in numpy on cpu, but X in array_api_strict on cpu",
        ),
    ],
)
def test_data_are_refused_before_anything_is_told(case, change, error, message):
    heard = Heard()
    with pytest.raises(error, match=message):
        train(replace(case, X=change(case.X)), callbacks=[heard])
    assert heard.moments == []


def test_no_samples_are_refused(case):
    with pytest.raises(ValueError, match="with the same m > 0"):
        train(replace(case, X=case.X[:, :0], Y=case.Y[:, :0]))
