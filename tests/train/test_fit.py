from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, leaves, random_case
from tests.train.cases import BATCH_SIZE, STEPS_AN_EPOCH, Heard, M, train
from xpnet import (
    VECTORIZED,
    Network,
    backend,
    data,
    fit,
    fused,
    optim,
    value_and_grad,
)
from xpnet.train.fit import begun


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
    assert [X.shape[1] for X in batches] == [*(sizes * 2), sizes[-1]]  # what the last one costs
    batches.pop()
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
    "rate",
    [1, np.float32(1.0), np.asarray(1.0), np.asarray([[1.0]])],
    ids=["whole", "single precision", "array", "matrix"],
)
@pytest.mark.parametrize("scheduled", [False, True])
def test_rates_of_one_network_are_numbers_in_the_history(case, rate, scheduled):
    optimizer = optim.sgd((lambda t: rate / t) if scheduled else rate)
    rows = train(case, optimizer=optimizer, epochs=2).history
    found = [row["learning_rate"] for row in rows]
    ends = [STEPS_AN_EPOCH, 2 * STEPS_AN_EPOCH]
    assert found == pytest.approx([1.0 / t if scheduled else 1.0 for t in ends])
    assert all(isinstance(number, float | int) for number in found)


def test_rates_of_a_stack_are_told_from_any_device(second_cuda_device):
    """A schedule computes with them where they lie, which need not be the current device."""
    there = random_case((3, 5, 2), stack=(2,), m=M).on(second_cuda_device)
    rates = backend.asarray(np.asarray([0.5, 0.25]).reshape(2, 1, 1), like=there.X)
    optimizer = optim.sgd(optim.exponential(rates, 0.5))
    loop = begun(*there.data, optimizer=optimizer, epochs=1, batch_size=BATCH_SIZE, seed=0)
    assert loop.rate(3) == [0.125, 0.0625]


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


def test_given_kernels_load_no_others(case, monkeypatch):
    """The fused ones take some tenths of a second, and warn where their compiler is broken."""
    monkeypatch.setenv("XPNET_FUSED", "1")
    asked = []
    monkeypatch.setattr(fused, "accelerator", lambda xp: asked.append(xp) or fused.UNFUSED)
    train(case, kernels=VECTORIZED, batch_size=M)
    assert asked == []
    train(case, batch_size=M)
    assert asked


def test_samples_that_weigh_nothing_cost_nothing(case):
    weight = np.zeros_like(case.X[:1, :])
    result = train(case, sample_weight=weight, l2=0.0, optimizer=optim.sgd(0.1))
    assert costs_of(result) == [0.0, 0.0]
    for found, given in zip(leaves(result.params), leaves(case.params), strict=True):
        np.testing.assert_array_equal(found, given)
