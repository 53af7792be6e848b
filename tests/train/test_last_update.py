"""Checks after the last update: a step's cost is that of the parameters before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case
from tests.train.cases import STEPS_AN_EPOCH, Heard, M, train
from tests.train.test_divergence import bad_at
from xpnet import (
    LOOPED,
    VECTORIZED,
    DivergenceError,
    Network,
    cost,
    fit,
    optim,
    value_and_grad,
)
from xpnet.callbacks import EarlyStopping
from xpnet.types import Dense


def ruined_at(step, rate=1e38):
    """An optimiser whose update at `step`, counted from 1, throws the parameters away."""
    return optim.sgd(lambda t: rate if t == step else 0.01)


@pytest.fixture
def case():
    """Real outputs, so that large weights cost much."""
    return random_case((3, 5, 2), hidden="tanh", output="identity", m=M)


def diverged(case, **settings):
    with pytest.raises(DivergenceError) as caught:
        train(case, **settings)
    return caught.value


@pytest.mark.usefixtures("plain_and_fused")
def test_damage_of_the_last_step_is_seen(eager_xp, case):
    heard = Heard()
    error = diverged(case.on(eager_xp), optimizer=ruined_at(6), callbacks=[heard])
    assert (error.epoch, error.step, error.at_end) == (2, 6, True)
    assert error.learning_rate == pytest.approx(1e38)
    assert str(error).startswith(
        "parameters or cost are not finite after step 6, the last, in epoch 2, at learning rate 1e"
    )
    # Epoch 1 ended in parameters that epoch 2 began with, at a finite cost.
    assert_trees_close(error.params, heard.epochs[0].params)
    assert error.history == (heard.epochs[0].row,)


@pytest.mark.usefixtures("plain_and_fused")
def test_what_is_carried_is_not_written_over(eager_xp, case):
    """Nobody but `fit` holds the parameters; compiled steps use memory again that nobody holds."""
    case = case.on(eager_xp)
    error = diverged(case, optimizer=ruined_at(STEPS_AN_EPOCH * 4), epochs=4)
    expected = train(case, optimizer=optim.sgd(0.01), epochs=3)
    assert len(error.history) == 3
    assert_trees_close(error.params, expected.params)


def test_of_a_single_epoch_nothing_is_left(case):
    error = diverged(case, optimizer=ruined_at(3, 1e300), epochs=1)
    assert_trees_close(error.params, case.params, "float64")
    assert error.history == ()


@pytest.mark.parametrize("validated", [False, True])
def test_an_epoch_counts_once_its_parameters_are_known_to_be_good(case, validated):
    """The first cost of epoch 3 is bad: unless validation knew better, so was the end of 2."""
    heard = Heard()
    settings = {"validation": (case.X, case.Y)} if validated else {}
    error = diverged(case, value_and_grad=bad_at(7), epochs=3, callbacks=[heard], **settings)
    assert (error.epoch, error.step, error.at_end) == (3, 7, False)
    known = 2 if validated else 1
    assert error.params is heard.epochs[known - 1].params
    assert error.history == tuple(epoch.row for epoch in heard.epochs[:known])
    assert heard.result.params is error.params
    assert heard.result.history == error.history


def test_a_damaged_epoch_is_not_counted(case):
    heard = Heard()
    error = diverged(case, optimizer=ruined_at(6, 1e300), epochs=9, callbacks=[heard])
    assert (error.epoch, error.step) == (3, 7)
    assert error.params is heard.epochs[0].params


def test_damage_within_an_epoch_that_is_interrupted(case):
    def interrupt(moment, event):
        if moment == "step" and event.index == 5:
            raise KeyboardInterrupt

    for step, at_end in ((5, True), (4, False)):
        heard = Heard(interrupt)
        error = diverged(case, optimizer=ruined_at(step, 1e300), callbacks=[heard])
        assert (error.epoch, error.step, error.at_end) == (2, 5, at_end)
        assert error.params is heard.epochs[0].params
        assert len(error.history) == 1


def test_interrupted_steps_are_told(case):
    def interrupt(moment, event):
        if moment == "step" and event.index == 2:
            raise KeyboardInterrupt

    result = train(case, callbacks=[Heard(interrupt)])
    assert (result.stopped, result.history, result.steps) == ("interrupted", (), 2)
    assert train(case).steps == 2 * STEPS_AN_EPOCH


@pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED])
def test_infinite_weights_that_cost_nothing(kernels):
    """A unit of relu whose weights are −∞ gives 0 for every sample, at a finite cost."""
    net = Network((1, 1, 1), output="identity")
    X, params = np.ones((1, 4)), net.init(seed=0, dtype="float64")
    upwards = (Dense(np.asarray([[np.inf]]), np.zeros((1, 1))), Dense(*np.zeros((2, 1, 1))))

    def gradient(net, params, X, Y, **settings):
        costs.append(float(cost(net, params, X, Y, kernels=kernels)))
        return np.asarray(costs[-1]), upwards

    costs = []
    settings = {"optimizer": optim.sgd(0.1), "value_and_grad": gradient, "kernels": kernels}
    with pytest.raises(DivergenceError, match=r"^parameters or cost are not finite after") as error:
        fit(net, params, X, X, epochs=3, **settings)
    assert np.isfinite(costs).all()
    # The first epoch ended in such weights: nothing was learned that can be used.
    assert error.value.params is params
    assert error.value.history == ()


def test_what_early_stopping_restores_is_good_too(case):
    error = diverged(case, optimizer=ruined_at(6, 1e300), callbacks=[EarlyStopping("cost")])
    assert all(np.isfinite(array).all() for layer in error.params for array in layer)


def test_one_cost_more_a_fit_and_none_a_step(case):
    counts = []

    def counted(*arguments):
        calls.append(None)
        return VECTORIZED.output_cost(*arguments)

    kernels = replace(VECTORIZED, output_cost=counted)
    for epochs in (0, 1, 3):
        calls = []
        train(case, kernels=kernels, epochs=epochs)
        counts.append(len(calls))
    assert counts == [0, 1, 1]


def test_the_parameters_of_a_penalty_are_measured_with_it(case):
    """Weights of 1e200 cost 1e400 under a penalty, whatever the samples say."""
    case = random_case((3, 2), output="sigmoid", m=M)
    diverged(case, optimizer=ruined_at(3, 1e200), epochs=1, l2=1.0)


def test_ctrl_c_during_the_last_check_loses_nothing(case):
    calls = []

    def interrupted_once(*arguments):
        calls.append(None)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return VECTORIZED.output_cost(*arguments)

    result = train(case, kernels=replace(VECTORIZED, output_cost=interrupted_once))
    assert (result.stopped, len(result.history), len(calls)) == ("interrupted", 2, 2)


def test_a_loss_of_ones_own_is_asked_for_the_last_cost(case):
    """A NaN that it leaves out is none, and where it diverges the network's own cost is not."""
    X = case.X.copy()
    X[0, 0] = np.nan

    def careful(net, params, X, Y, **settings):
        return value_and_grad(net, params, np.nan_to_num(X), Y, **settings)

    assert len(train(replace(case, X=X), value_and_grad=careful).history) == 2
    steps = []

    def diverging(net, params, X, Y, **settings):
        steps.append(X)
        J, grads = value_and_grad(net, params, X, Y, **settings)
        return J if len(steps) <= 2 * STEPS_AN_EPOCH else J * np.nan, grads

    assert diverged(case, value_and_grad=diverging).at_end
