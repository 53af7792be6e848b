"""Arguments of `fit`."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case
from tests.train.cases import Heard, M, train
from xpnet import (
    LOOPED,
    VECTORIZED,
    backend,
    data,
    evaluate,
    optim,
    params_to_dict,
    steps,
    value_and_grad,
)
from xpnet.callbacks import EarlyStopping


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


@pytest.mark.usefixtures("plain_and_fused")
def test_the_rate_of_one_network_may_stand_in_an_array(case):
    number, array = (train(case, dropout=rate, seed=3) for rate in (0.5, np.asarray([[0.5]])))
    assert_trees_close(array.params, number.params, rtol=0, atol=0)


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
    calls = []

    def noting(net, params, X, Y, **settings):
        calls.append(settings)
        return value_and_grad(net, params, X, Y, **settings)

    train(case, value_and_grad=noting, kernels=VECTORIZED, l2=0.5, dropout=0.5, epochs=1)
    *steps, last = calls  # of which the cost alone is looked at, without dropout
    assert (last["kernels"], last["l2"], last["masks"]) == (VECTORIZED, 0.5, None)
    for settings in steps:
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
        (
            {"batch_size": 0},
            ValueError,
            "batch_size is 0: expected a whole number, 1 or more sam",
        ),
        ({"batch_size": 2.5}, TypeError, "batch_size is 2.5: expected a whole number"),
        ({"epochs": -1}, ValueError, "epochs is -1: expected a whole number, 0 or more"),
        ({"epochs": math.nan}, TypeError, "epochs is nan: expected a whole number"),
        ({"seed": -1}, ValueError, "seed is -1: expected a whole number, 0 or more"),
        ({"l2": -0.1}, ValueError, "l2 is -0.1: expected 0 or more, and finite"),
        ({"l2": math.nan}, ValueError, "l2 is nan: expected 0 or more, and finite"),
        ({"l2": math.inf}, ValueError, "l2 is inf: expected 0 or more, and finite"),
        ({"l2": np.asarray([[-1.0]])}, ValueError, "l2 holds numbers from -1 to -1: expected 0 or"),
        (
            {"l2": np.ones((3, 1, 1))},
            ValueError,
            r"l2 has shape \(3, 1, 1\), but params are of one",
        ),
        ({"value_and_grad": 5}, TypeError, "value_and_grad is 5: expected a function"),
        ({"sample_weight": 3}, TypeError, "sample_weight is 3: expected an array"),
        ({"l2": np.ones(2)}, ValueError, r"l2 has shape \(2,\): expected a number, or \(K, 1, 1\)"),
        ({"kernels": "looped"}, TypeError, "kernels is 'looped': expected a record of them"),
        ({"l2": "0.1"}, TypeError, "l2 is '0.1': expected a number, 0 or more"),
        (
            {"optimizer": 1e-3},
            TypeError,
            r"optimizer is 0\.001: expected an optimizer, such as xpnet\.optim\.adam\(1e-3\)",
        ),
        (
            {"optimizer": "adma"},
            ValueError,
            "optimizer is 'adma': expected one of sgd, .*; did you mean 'adam'?",
        ),
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
            {"sample_weight": np.ones((1, M), "complex128")},
            TypeError,
            "sample_weight has dtype complex128, but .*float64",
        ),
        (
            {"sample_weight": np.asarray([[*[1.0] * (M - 1), -2.0]])},
            ValueError,
            "sample_weight holds numbers from -2 to 1: expected 0 or more, and finite",
        ),
        (
            {"sample_weight": np.full((1, M), math.nan)},
            ValueError,
            "sample_weight holds numbers from nan to nan: expected 0 or more, and finite",
        ),
        (
            {"validation": 0.2},
            TypeError,
            r"validation: expected two arrays or three, validation=\(X, Y\) or \(X, Y, sample",
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
        (lambda X: 3, TypeError, "X is 3: expected an array, samples as columns"),
        (lambda X: np.ma.masked_array(X), TypeError, "X holds a MaskedArray: its mask would get"),
        (
            lambda X: np.stack([X, X]),
            ValueError,
            r"X has shape \(2, 3, 10\), but params are of o",
        ),
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


def test_labels_are_pointed_to_one_hot_columns(case):
    labels = np.argmax(case.Y, axis=0)
    with pytest.raises(ValueError, match=r"Classes\.of\(y\)\.encode\(y\)\.T makes one-hot"):
        train(replace(case, Y=labels))
    encoded = data.Classes.of(labels).encode(labels).T
    np.testing.assert_array_equal(encoded, case.Y)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_weights_of_another_dtype_are_cast(eager_xp, case, dtype):
    weight = np.asarray([[0, 1, 1, 0, 1, 1, 1, 1, 0, 1]])
    there = case.on(eager_xp, "float64")
    results = [
        train(there, sample_weight=eager_xp.asarray(weight, given), epochs=1)
        for given in (dtype, "float64")
    ]
    assert_trees_close(results[0].params, results[1].params, "float64")
    assert results[0].params[0].W.dtype == there.X.dtype


@pytest.mark.parametrize("fused", ["0", "1"])
def test_a_penalty_of_the_host_follows_the_parameters(eager_xp, monkeypatch, fused):
    monkeypatch.setenv("XPNET_FUSED", fused)
    stack = random_case((3, 4, 2), m=M, stack=(2,))
    l2 = np.asarray([0.1, 2.0]).reshape(2, 1, 1)
    expected = train(replace(stack, l2=l2), kernels=VECTORIZED)
    result = train(replace(stack.on(eager_xp), l2=l2))
    assert result.params[0].W.dtype == eager_xp.xp.float32
    assert_trees_close(result.params, expected.params, rtol=1e-3, atol=1e-4)


def test_params_as_plain_pairs(case):
    plain = replace(case, params=[tuple(layer) for layer in case.params])
    validation = (case.X, case.Y)
    results = [train(given, validation=validation) for given in (plain, case)]
    assert_trees_close(results[0].params, results[1].params, "float64")
    assert evaluate(*plain.data) == evaluate(*case.data)


def test_params_as_a_dict(case):
    with pytest.raises(TypeError, match=r"^params is a dict: .*xpnet\.params_from_dict\(params\)$"):
        train(replace(case, params=params_to_dict(case.params)))


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (Heard(), r"callbacks is a Heard: expected a list, callbacks=\[Heard\(…\)\]"),
        (Heard, r"callbacks is the class Heard: expected a list, callbacks=\[Heard\(…\)\]"),
        (
            [Heard(), EarlyStopping],
            "callbacks holds the class EarlyStopping: expected instances of xpnet.callbacks."
            r"Callback, such as EarlyStopping\(…\)",
        ),
        ([print], r"holds a builtin_function_or_method: expected .* such as EarlyStopping\(…\)"),
        (["progress"], "callbacks holds a str: expected instances"),
    ],
)
def test_what_does_not_listen_is_refused(case, callbacks, message):
    with pytest.raises(TypeError, match=message):
        train(case, callbacks=callbacks)


def test_callbacks_may_come_one_by_one(case):
    heard = Heard(), Heard()
    train(case, callbacks=iter(heard))
    assert heard[0].moments == heard[1].moments
    assert heard[0].moments[-1] == "end"


def test_numbers_of_numpy_are_numbers(case):
    settings = {"epochs": np.int64(1), "batch_size": np.int32(4), "seed": np.uint8(3)}
    result = train(case, **settings)
    expected = train(case, **{name: int(number) for name, number in settings.items()})
    assert_trees_close(result.params, expected.params, "float64")


def test_no_samples_are_refused(case):
    message = r"^X has shape \(3, 0\): expected at least one sample to train on$"
    with pytest.raises(ValueError, match=message):
        train(replace(case, X=case.X[:, :0], Y=case.Y[:, :0]))


def test_batches_by_number_alone():
    """As of a torch Dataset; and each need only unpack."""

    class Numbered:
        def __init__(self, *items):
            self.items = items

        def __len__(self):
            return len(self.items)

        def __getitem__(self, number):
            return self.items[number]

    case = random_case(weighted=True)
    data = case.X, case.Y
    batches = Numbered(Numbered(*data), data, Numbered(*data, case.sample_weight))
    got = [float(step.cost) for step in steps(*case.data[:2], batches, optimizer=optim.sgd(0.0))]
    plain = float(value_and_grad(case.net, case.params, *data)[0])
    weighted = value_and_grad(case.net, case.params, *data, sample_weight=case.sample_weight)[0]
    assert got == pytest.approx([plain, plain, float(weighted)])
