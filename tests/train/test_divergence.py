from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case
from tests.train.cases import STEPS_AN_EPOCH, Heard, M, train, unreal_gradient
from xpnet import LOOPED, DivergenceError, optim
from xpnet.kernels import OUTPUTS


def bad_at(step, cost=math.nan):
    """A `value_and_grad` whose cost is `cost` at one step, counted from 1."""
    calls = []

    def gradient(*data, **settings):
        calls.append(None)
        J, grads = unreal_gradient(*data)
        return (J * 0 + cost if len(calls) == step else J), grads

    return gradient


def diverging(case, step, cost, heard):
    """The error of a training whose rate is halved at each step."""
    optimizer = optim.sgd(optim.exponential(0.1, 0.5))
    settings = {"optimizer": optimizer, "value_and_grad": bad_at(step, cost)}
    with pytest.raises(DivergenceError) as caught:
        train(case, epochs=4, callbacks=[heard], **settings)
    return caught.value


@pytest.mark.parametrize(
    ("step", "cost"),
    [*((step, math.nan) for step in (1, 2, 5, 6)), (5, math.inf), (5, -math.inf)],
)
def test_divergence_says_where_and_keeps_the_last_finite_epoch(case, step, cost):
    heard = Heard()
    error = diverging(case, step, cost, heard)
    epoch = 1 + (step - 1) // STEPS_AN_EPOCH
    assert (error.epoch, error.step, error.learning_rate) == (epoch, step, 0.1 * 0.5 ** (step - 1))
    finite = heard.epochs[-1].params if heard.epochs else case.params
    assert len(heard.epochs) == epoch - 1
    assert_trees_close(error.params, finite)
    assert error.history == tuple(epoch.row for epoch in heard.epochs)
    kept = f"those after epoch {epoch - 1}" if epoch > 1 else "those it began with"
    assert str(error) == (
        f"the cost is not finite from step {step} on, in epoch {epoch}, at learning rate "
        f"{error.learning_rate}: lower the learning rate, clip the gradients "
        f"(xpnet.optim.clip), or scale X; .params are {kept}"
    )


def test_divergence_on_every_library(eager_xp, case):
    heard = Heard()
    error = diverging(case.on(eager_xp), 5, math.nan, heard)
    assert (error.epoch, error.step) == (2, 5)
    assert_trees_close(error.params, heard.epochs[0].params)


# Hinge stops where every margin is wide enough.
@pytest.mark.parametrize(
    ("output", "hidden", "dtype"),
    [
        *((output, "relu", "float32") for output in OUTPUTS if output != "hinge"),
        ("softmax", "gelu", "float32"),
        ("softmax", "relu", "float64"),
    ],
)
@pytest.mark.usefixtures("plain_and_fused")
def test_no_warning_comes_before_the_error(eager_xp, output, hidden, dtype):
    """Any warning would be an error here."""
    case = random_case((3, 4, 2), hidden=hidden, output=output, m=M).on(eager_xp, dtype)
    optimizer = optim.momentum(1e30 if dtype == "float32" else 1e200)
    with pytest.raises(DivergenceError):
        train(case, optimizer=optimizer, epochs=40, validation=(case.X, case.Y))


@pytest.mark.parametrize("output", ["identity", "exp"])
def test_looped_kernels_diverge_alike(output):
    case = random_case((3, 2), output=output, m=M)
    with pytest.raises(DivergenceError):
        train(case, optimizer=optim.momentum(1e100), epochs=40, kernels=LOOPED)


def test_the_callers_warnings_are_left_as_they_were(case):
    before = np.geterr()
    train(case)
    assert np.geterr() == before


def test_a_learning_rate_that_is_far_too_high():
    case = random_case((3, 2), output="identity", m=M)
    with pytest.raises(DivergenceError) as caught:
        train(case, optimizer=optim.sgd(1e50), epochs=9)
    assert all(np.isfinite(array).all() for layer in caught.value.params for array in layer)


def test_callbacks_are_told_of_a_divergence(case):
    heard = Heard()
    with pytest.raises(DivergenceError):
        train(case, value_and_grad=bad_at(5), callbacks=[heard])
    assert heard.moments[-1] == "end"
    assert heard.result.stopped.startswith("failed: the cost is not finite from step 5 on")
    assert len(heard.result.history) == 1


def test_it_can_be_sent_to_another_process():
    error = DivergenceError(2, 7, [[[0.1]], [[0.2]]], (), [{"epoch": 1}], (1,), at_end=True)
    again = copy.copy(error)  # by what a process pool sends, too
    assert vars(again) == vars(error)
    assert str(again) == str(error)
