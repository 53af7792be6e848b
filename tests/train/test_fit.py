from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, leaves, random_case
from tests.train.cases import STEPS_AN_EPOCH, Heard, M, train
from xpnet import (
    LOOPED,
    VECTORIZED,
    Network,
    backend,
    cost,
    data,
    evaluate,
    fit,
    optim,
    value_and_grad,
)


def costs_of(result):
    return [row["cost"] for row in result.history]


def test_digits_are_learned():
    digits = data.split(data.load("digits"))
    classes = data.Classes.of(digits.y_train)
    (X, Y), unseen = (
        (np.float32(pixels.T) / digits.pixel_max, classes.encode(y).T)
        for pixels, y in ((digits.X_train, digits.y_train), (digits.X_test, digits.y_test))
    )
    net = Network((X.shape[0], 32, Y.shape[0]), output="softmax")
    params = net.init(0, like=X)
    result = fit(net, params, X, Y, optimizer=optim.adam(0.01), epochs=8, validation=unseen)
    assert result.history[-1]["val_accuracy"] > 0.93
    assert result.history[-1]["cost"] < result.history[0]["cost"] / 3
    assert result.stopped == "all epochs done"


@pytest.mark.usefixtures("plain_and_fused")
def test_one_seed_gives_one_result(eager_xp, case):
    case = case.on(eager_xp)
    first, again, other = (train(case, seed=seed, dropout=0.3) for seed in (5, 5, 6))
    assert costs_of(first) == costs_of(again) != costs_of(other)
    for one, same in zip(leaves(first.params), leaves(again.params), strict=True):
        np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("output", ["softmax", "exp"])
def test_every_library_trains_alike(eager_xp, output):
    case = random_case((3, 5, 2), output=output, m=M, weighted=True, l2=0.1)
    settings = {"epochs": 4, "seed": 3, "validation": (case.X, case.Y)}
    expected = train(case, kernels=VECTORIZED, **settings)
    there = case.on(eager_xp)
    result = train(there, **{**settings, "validation": (there.X, there.Y)})
    assert_trees_close(result.params, expected.params, rtol=1e-3, atol=1e-4)
    for name in ("cost", "val_cost"):
        got, wanted = ([row[name] for row in r.history] for r in (result, expected))
        assert got == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(("batch_size", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (99, [10])])
def test_every_sample_once_an_epoch_in_another_order(case, batch_size, sizes):
    batches = []

    def noting(net, params, X, Y, **settings):
        batches.append(X)
        return value_and_grad(net, params, X, Y, **settings)

    train(case, value_and_grad=noting, batch_size=batch_size, epochs=2)
    assert [X.shape[1] for X in batches] == sizes * 2
    first, second = (np.hstack(half) for half in (batches[: len(sizes)], batches[len(sizes) :]))
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch[0]), np.sort(case.X[0]))
    assert (first == second).all() == (len(sizes) == 1)


def test_the_last_short_batch_is_trained_on(case):
    heard = Heard()
    result = train(case, callbacks=[heard], epochs=1)
    assert len(heard.steps) == STEPS_AN_EPOCH
    before, last = (step.params[0].W for step in heard.steps[-2:])
    assert (last != before).any()
    np.testing.assert_array_equal(result.params[0].W, last)


@pytest.mark.parametrize("weighted", [False, True])
def test_an_epochs_cost_is_the_mean_over_its_samples(weighted):
    case = random_case((3, 5, 2), m=M, weighted=weighted)
    heard, weights = Heard(), []

    def noting(net, params, X, Y, *, sample_weight, **settings):
        weights.append(X.shape[1] if sample_weight is None else sample_weight.sum())
        return value_and_grad(net, params, X, Y, sample_weight=sample_weight, **settings)

    result = train(case, callbacks=[heard], value_and_grad=noting, epochs=2)
    costs = [float(step.cost) for step in heard.steps]
    for number, got in enumerate(costs_of(result)):
        epoch = slice(number * STEPS_AN_EPOCH, (number + 1) * STEPS_AN_EPOCH)
        assert got == pytest.approx(np.average(costs[epoch], weights=weights[epoch]))


def test_the_history_has_a_row_an_epoch(case):
    optimizer = optim.sgd(optim.exponential(0.1, 0.5))
    result = train(case, optimizer=optimizer, epochs=3)
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    rates = [0.1 * 0.5 ** (STEPS_AN_EPOCH * epoch - 1) for epoch in (1, 2, 3)]
    assert [row["learning_rate"] for row in result.history] == pytest.approx(rates)
    assert all(row["seconds"] >= 0 for row in result.history)
    assert all({*row} == {"epoch", "cost", "learning_rate", "seconds"} for row in result.history)


@pytest.mark.parametrize(
    ("output", "metric"),
    [("sigmoid", "accuracy"), ("softmax", "accuracy"), ("identity", "r2"), ("exp", "d2")],
)
def test_validation_is_evaluated_after_each_epoch(output, metric):
    case = random_case((3, 5, 2), output=output, m=M, l2=1.0)
    unseen = random_case((3, 5, 2), output=output, m=6, seed=1)
    heard = Heard()
    result = train(case, validation=(unseen.X, unseen.Y), callbacks=[heard], epochs=2)
    for row, epoch in zip(result.history, heard.epochs, strict=True):
        scores = evaluate(case.net, epoch.params, unseen.X, unseen.Y)
        assert {*scores} == {"cost", metric}
        assert (row["val_cost"], row[f"val_{metric}"]) == (scores["cost"], scores[metric])
        # The penalty is no part of it.
        plain_cost = cost(case.net, epoch.params, unseen.X, unseen.Y)
        assert scores["cost"] == pytest.approx(float(plain_cost))


@pytest.mark.parametrize("optimizer", [optim.sgd(0.1), optim.adam(0.1)], ids=["sgd", "adam"])
def test_weights_are_repetitions(case, optimizer):
    counts = np.asarray([1, 2, 0, 3, 1, 1, 2, 1, 1, 4])
    settings = {"optimizer": optimizer, "batch_size": 100, "epochs": 3, "l2": 0.1}
    weighted = train(case, sample_weight=counts[None, :] * 1.0, **settings)
    X, Y = (np.repeat(array, counts, axis=1) for array in (case.X, case.Y))
    repeated = train(replace(case, X=X, Y=Y), **settings)
    assert_trees_close(weighted.params, repeated.params, "float64")
    assert costs_of(weighted) == pytest.approx(costs_of(repeated))


@pytest.mark.usefixtures("plain_and_fused")
def test_the_callers_arrays_are_never_written_to(eager_xp, case):
    case = random_case((3, 5, 2), m=M, weighted=True, l2=0.1).on(eager_xp)
    trees = (*case.data[1:], case.sample_weight)
    before = [array.copy() for array in leaves(trees)]
    train(case, dropout=0.2)
    for array, copy in zip(leaves(trees), before, strict=True):
        np.testing.assert_array_equal(array, copy)


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
