"""Members of a stack whose costs are not finite: how each ends, and what is left of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.kernels.cases import Library, assert_trees_close, leaves, of_member, random_case
from tests.train.cases import STEPS_AN_EPOCH, Heard, M, ending, rates, train
from xpnet import Checkpoints, DivergenceError, optim
from xpnet.callbacks import EarlyStopping


def test_one_that_was_never_sound_is_as_it_began(tmp_path):
    """Its parameters are infinite before its cost shows it, in a stack that is resumed."""
    stack, done = random_case((3, 2), m=M, stack=(4,)), [0]

    def gradient(net, params, X, Y, **settings):
        costs = np.zeros(params[-1].b.shape[:-2])
        if done[0] == 7:
            costs[-1] = math.nan
        return costs, params

    def hear(moment, event):
        if moment == "step":
            done[0] = event.index
        elif moment == "epoch" and event.number == 2 and not killed:
            killed.append(True)
            raise RuntimeError("killed")

    def run():
        too_much = optim.sgd(lambda t: rates(0.1, 0.1, 0.1, math.inf if t == 6 else 0.1))
        callbacks = [ending([1, 1, 9, 9]), Heard(hear)]
        kept = {"checkpoint": Checkpoints(tmp_path), "resume": True}
        return train(
            stack,
            optimizer=too_much,
            value_and_grad=gradient,
            epochs=3,
            callbacks=callbacks,
            **kept,
        )

    killed = []
    with pytest.raises(RuntimeError, match="killed"):
        run()
    failed = run().members[3]
    assert failed.history == ()
    assert_trees_close(failed.params, of_member(3, stack.params), rtol=0, atol=0)


@pytest.mark.usefixtures("plain_and_fused")
def test_one_that_diverges_harms_no_other(stack):
    stack = stack.on(Library("numpy"))
    other, options = rates(0.1, 1e30, 0.2), {"epochs": 3, "validation": (stack.X, stack.Y)}
    result = train(stack, optimizer=optim.sgd(other), **options)
    failed = result.members[1]
    assert failed.stopped.startswith("failed: the cost is not finite from step ")
    assert failed.stopped.endswith(".params are those it began with")
    assert failed.history == ()
    assert_trees_close(failed.params, of_member(1, stack.params), rtol=0, atol=0)
    assert math.isnan(result.history[-1]["cost"][1])
    assert "nan" not in repr(result)
    calm = train(stack, optimizer=optim.sgd(rates(0.1, 0.1, 0.2)), **options)
    for k in (0, 2):
        pairs = zip(leaves(result.members[k].params), leaves(calm.members[k].params), strict=True)
        assert all(np.array_equal(*pair) for pair in pairs)


def test_the_best_by_its_cost_is_not_that_of_one_that_diverged(stack):
    """The update after it was too much, which only the next epoch's first cost can show."""
    last_of_second = optim.sgd(
        lambda t: rates(0.1, 1e300, 0.1) if t == 2 * STEPS_AN_EPOCH else rates(0.1, 0.1, 0.1)
    )
    stopping = EarlyStopping("cost", patience=9)
    result = train(stack, optimizer=last_of_second, epochs=4, callbacks=[stopping])
    failed = result.members[1]
    assert len(failed.history) == 1
    assert result.history[-1]["cost"][1] == failed.history[0]["cost"]
    alone = train(stack.member(1), optimizer=optim.sgd(0.1), epochs=1)
    assert_trees_close(failed.params, alone.params, "float64")


def test_what_a_validation_has_shown_to_be_sound_is_kept(stack):
    heard = Heard()

    def gradient(net, params, X, Y, **settings):
        """A cost that is NaN at the first step of the second epoch."""
        costs = np.zeros(params[-1].b.shape[:-2])
        costs[1] = math.nan if len(heard.steps) == STEPS_AN_EPOCH else 0.0
        return costs, params

    options = {"value_and_grad": gradient, "validation": (stack.X, stack.Y)}
    failed = train(stack, optimizer=optim.sgd(0.1), callbacks=[heard], **options).members[1]
    assert len(failed.history) == 1
    sound = of_member(1, heard.epochs[0].params)
    assert_trees_close(failed.params, sound, rtol=0, atol=0)


@pytest.mark.parametrize("ends", [[9, 2, 9], [1, 2, 2], [2, 9, 9]])
def test_a_callback_may_end_one_by_an_update_that_was_too_much(stack, ends):
    """Alone, it raises: its last parameters cost no finite number."""
    last_of_second = optim.sgd(lambda t: rates(0.1, 1e300 if t == 2 * STEPS_AN_EPOCH else 0.1, 0.1))
    result = train(stack, optimizer=last_of_second, epochs=3, callbacks=[ending(ends)])
    with pytest.raises(DivergenceError) as caught:
        train(
            stack.member(1),
            optimizer=optim.sgd(lambda t: 1e300 if t == 2 * STEPS_AN_EPOCH else 0.1),
            epochs=3,
            callbacks=[ending(ends[1])],
        )
    failed = result.members[1]
    assert failed.stopped == f"failed: {caught.value}"
    assert_trees_close(failed.params, caught.value.params, "float64")
    assert len(failed.history) == len(caught.value.history) == 1
    assert not result.members[2].stopped.startswith("failed")


def test_all_have_diverged():
    stack, heard = random_case((3, 4, 2), m=M, stack=(2,)), Heard()
    slow = optim.sgd(lambda t: rates(1e300, 1e300 if t > 4 else 0.1))
    with pytest.raises(DivergenceError, match=r"^the cost of networks 0, 1 of the stack") as caught:
        train(stack, optimizer=slow, epochs=4, callbacks=[heard], l2=0.1)
    error = caught.value
    assert (error.epoch, error.step, len(error.history)) == (2, 6, 1)
    assert_trees_close(of_member(0, error.params), of_member(0, stack.params), rtol=0, atol=0)
    assert_trees_close(
        of_member(1, error.params), of_member(1, heard.epochs[0].params), rtol=0, atol=0
    )


def test_all_have_diverged_by_the_last_update_of_an_epoch():
    stack, heard = random_case((3, 4, 2), m=M, stack=(2,)), Heard()
    too_late = optim.sgd(lambda t: rates(*[1e300 if t == STEPS_AN_EPOCH else 0.1] * 2))
    with pytest.raises(DivergenceError) as caught:
        train(stack, optimizer=too_late, callbacks=[heard], l2=0.1)
    assert heard.result.history == caught.value.history == ()
