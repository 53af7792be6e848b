"""Causes named by errors about non-finite costs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import of_member, random_case
from tests.train.cases import Heard, M, train
from tests.train.test_divergence import bad_at
from xpnet import DivergenceError, optim
from xpnet.types import Dense


@pytest.fixture
def case():
    return random_case((3, 4, 2), output="identity", m=M)


def spoilt(array, place, value=math.nan):
    copy = array.copy()
    copy[place] = value
    return copy


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_sample_that_is_no_number_is_named(eager_xp, case, value):
    X = spoilt(spoilt(case.X, (1, 7), value), (0, 9))
    heard = Heard()
    message = rf"^X holds {value} at feature 1 of sample 7 \(counted from 0\): expected finite numb"
    with pytest.raises(ValueError, match=message):
        train(replace(case, X=X).on(eager_xp), callbacks=[heard])
    assert heard.result.stopped.startswith(f"failed: X holds {value}")


def test_a_target_that_is_no_number_is_named(case):
    with pytest.raises(ValueError, match=r"^Y holds nan at output 1 of sample 7 "):
        train(replace(case, Y=spoilt(case.Y, (1, 7))))


@pytest.mark.parametrize("which", ["X", "Y"])
def test_a_validation_sample_that_is_no_number_is_named(case, which):
    validation = {"X": case.X, "Y": case.Y}
    validation[which] = spoilt(validation[which], (0, 3))
    with pytest.raises(ValueError, match=rf"^validation: {which} holds nan at .* 0 of sample 3"):
        train(case, validation=tuple(validation.values()))


def test_validation_samples_too_far_away_are_no_fault(eager_xp):
    """exp of what these samples are given overflows; the training itself is sound."""
    case = random_case((3, 2), output="exp", m=M).on(eager_xp)
    far = eager_xp.xp.astype(case.X * 0 + 1, eager_xp.xp.int32) * 1_000_000
    result = train(case, optimizer=optim.sgd(1e-6), validation=(far, case.Y))
    assert result.stopped == "all epochs done"
    assert math.isinf(result.history[-1]["val_cost"])


def test_parameters_that_are_no_numbers_to_start_from(case):
    first, (W, b) = case.params
    params = (first, Dense(spoilt(W, (0, 0)), b))
    with pytest.raises(ValueError, match=r"^params hold NaN or infinity in layer 2: expected fin"):
        train(replace(case, params=params))


def stack_of(*leading):
    return random_case((3, 4, 2), m=M, stack=leading)


def test_the_member_of_a_stack_says_why_it_ended():
    rates = np.asarray([0.1, 0.2, 0.3]).reshape(3, 1, 1)
    bad = np.asarray([0.0, math.nan, 0.0])
    result = train(stack_of(3), optimizer=optim.sgd(rates), value_and_grad=bad_at(2, bad))
    ends = [member.stopped for member in result.members]
    assert ends[0] == ends[2] == result.stopped == "all epochs done"
    assert ends[1].startswith(
        "failed: the cost is not finite from step 2 on, in epoch 1, at learning rate 0.2: "
    )
    assert [len(member.history) for member in result.members] == [2, 0, 2]


def test_a_rate_that_all_members_have_is_told_once():
    error = DivergenceError(1, 2, [[0.5, 0.5], [0.5, 0.5]], (), [], members=[(0, 1)])
    assert "learning rate 0.5: lower" in str(error)


def test_a_member_whose_validation_was_finite_keeps_that_epoch():
    stack, heard, bad = stack_of(3), Heard(), np.asarray([0.0, math.nan, 0.0])
    options = {"callbacks": [heard], "validation": (stack.X, stack.Y)}
    failed = train(stack, value_and_grad=bad_at(4, bad), **options).members[1]
    assert len(failed.history) == 1
    np.testing.assert_array_equal(failed.params[0].W, of_member(1, heard.epochs[0].params)[0].W)


def test_a_member_ends_as_it_was_when_it_was_finite():
    rates = np.asarray([0.1, 1e300, 0.3]).reshape(3, 1, 1)
    stack, heard = stack_of(3), Heard()
    slow = optim.sgd(lambda t: rates if t > 6 else np.full_like(rates, 0.1))
    result = train(stack, optimizer=slow, epochs=4, callbacks=[heard], l2=0.1)
    failed = result.members[1]
    assert "step 8 on, in epoch 3, at learning rate 1e+300" in failed.stopped
    assert "those after epoch 2" in failed.stopped
    assert len(failed.history) == 2
    found = failed.params[0].W
    np.testing.assert_array_equal(found, of_member(1, heard.epochs[1].params)[0].W)
    alone = train(stack.member(1), optimizer=optim.sgd(0.1), epochs=2, l2=0.1)
    np.testing.assert_allclose(found, alone.params[0].W, rtol=1e-12)


def test_the_last_update_of_one_member():
    rates = np.asarray([0.1, 1e300]).reshape(2, 1, 1)
    last = optim.sgd(lambda t: rates if t == 6 else np.full_like(rates, 0.1))
    well, failed = train(stack_of(2), optimizer=last, l2=0.1).members
    assert well.stopped == "all epochs done"
    assert failed.stopped.startswith("failed: parameters or cost are not finite after step 6, the")
    assert "in epoch 2, at learning rate 1e+300" in failed.stopped


def test_members_of_a_stack_of_stacks():
    bad = np.asarray([[0.0, math.nan, math.inf], [0.0, 0.0, math.nan]])
    result = train(stack_of(2, 3), value_and_grad=bad_at(1, bad))
    failed = [[end.stopped.startswith("failed") for end in row] for row in result.members]
    assert failed == [[False, True, True], [False, False, True]]
    message = r"networks \(0, 0\), \(0, 1\), \(1, 0\), \(1, 1\) of"
    with pytest.raises(DivergenceError, match=message) as error:
        train(stack_of(2, 2), value_and_grad=bad_at(1))
    assert error.value.members == ((0, 0), (0, 1), (1, 0), (1, 1))


def test_many_members_leave_the_error_short():
    rates = np.geomspace(1 / 3, 3e5, 40).reshape(40, 1, 1)
    with pytest.raises(DivergenceError, match=r"networks 0, 1, 2, 3, 4, … of the stack") as error:
        train(stack_of(40), optimizer=optim.sgd(rates), value_and_grad=bad_at(5), epochs=2)
    assert error.value.members == tuple(range(40))
    assert len(str(error.value)) <= 300
