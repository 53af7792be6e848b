"""Single steps of a stack on NumPy arrays: what runs leave to the bit, and what networks leave."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.fused.cases import fortran, strided
from tests.fused.numba.network.test_stacks import EXACT, STEPS, K, M, case, in_runs, trained
from tests.kernels.cases import assert_trees_close, mapped, of_member
from tests.train.cases import Heard, rates
from xpnet import optim, steps
from xpnet.fused.numba.network import stack_step
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.threads import team
from xpnet.fused.numba.updates import LOOPS
from xpnet.kernels import VECTORIZED

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


def refuse(*args, **kwargs):
    pytest.fail("the step was left to kernels that are called one by one")


def assert_as_in_runs(data, **settings):
    with mock.patch.object(STEPS, "default_step", refuse):
        one_by_one = trained(data, callbacks=[Heard()], **settings)
    expected = in_runs(data, **settings)
    assert_trees_close(one_by_one.params, expected.params, **EXACT)
    assert [row["cost"] for row in one_by_one.history] == [row["cost"] for row in expected.history]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOOPS)
def test_every_optimiser(name, dtype):
    """Rates are others at each step; the last batch is shorter."""
    given = rates(0.01, 0.02, 0.03).astype(dtype)
    optimizer = getattr(optim, name)(lambda t: given / np.asarray(t, dtype))
    assert_as_in_runs(case(dtype=dtype).data, optimizer=optimizer, l2=0.25)


@pytest.mark.parametrize("sizes", [(5, 3), (5, 40), (5, 7, 4, 3)], ids=str)
def test_what_is_each_networks_own(sizes, rng):
    weight = rng.uniform(0.5, 2.0, (K, 1, M)).astype("float32")
    own = {"l2": rates(0.25, 0.0, 0.5).astype("float32"), "dropout": rates(0.0, 0.25, 0.5)}
    assert_as_in_runs(case(sizes).data, sample_weight=weight, seed=[4, 0, 9], **own)


def test_dropout_of_the_stack_as_a_whole():
    assert_as_in_runs(case().data, dropout=0.5)


def test_more_networks_than_a_group_on_samples_of_folds():
    stack, folds = case(lead=(2, 10)), [case(lead=(1,), seed=seed) for seed in (1, 2)]
    X, Y = (np.stack([getattr(fold, name) for fold in folds])[:, None] for name in "XY")
    assert_as_in_runs((stack.net, stack.params, X, Y))


def test_large_networks_have_workers(monkeypatch):
    """Each in its turn; the bits are those of one thread."""
    stack, ends = case((64, 64, 3), m=128), []
    for threads in (1, 2):
        monkeypatch.setattr(team, "all_threads", lambda n=threads: n)
        parts = [(slice(0, 1), threads)]
        monkeypatch.setattr(team.Team, "parts", lambda *_, parts=parts: parts)
        train = stack_step.Room.train
        with mock.patch.object(stack_step.Room, "train", autospec=True, side_effect=train) as room:
            *_, last = steps(stack.net, stack.params, [(stack.X, stack.Y)] * 4)
        made = [(call.args[1].size, call.args[3]) for call in room.call_args_list]
        assert made == ([(1, 2)] * K if threads == 2 else [(K, 1)]) * 4
        ends.append(last.params)
    assert_trees_close(*ends, **EXACT)


def test_batches_of_any_shape_take_turns():
    """Shared by the networks or not, with weights or without; and each network as it is alone."""
    stack, own = case(), [case(lead=(1,), seed=seed) for seed in range(K)]
    X, Y = (np.stack([getattr(each, name) for each in own]) for name in "XY")
    weight = np.linspace(0.0, 1.0, 9, dtype="float32")[None]
    batches: list[Any] = [
        *((X[..., :9], Y[..., :9]), (stack.X, stack.Y), (X[..., 9:20], stack.Y[..., 9:20])),
        *((X[..., :9], Y[..., :9], weight), (stack.X[:, :1], stack.Y[:, :1])),
        *((stack.X[:, :9], stack.Y[:, :9]), (fortran(stack.X), fortran(stack.Y))),
    ] * 2
    kept = list(steps(stack.net, stack.params, batches, optimizer=optim.adam(0.01)))
    for k in range(K):
        mine = [[of_each(k, array) for array in batch] for batch in batches]
        alone = steps(*stack.member(k).data[:2], mine, optimizer=optim.adam(0.01))
        for step, expected in zip(kept, alone, strict=True):
            assert_trees_close(of_member(k, step.params), expected.params, **EXACT)
            assert step.cost[k] == expected.cost


def of_each(k, array):
    return array[k] if array.ndim > 2 else array


def test_a_network_may_become_a_stack():
    """By its first batch; from then on its steps are those of each."""
    one, stack = case(lead=(1,)), case()
    params = mapped(lambda tensor: tensor[0], one.params)
    X = np.stack([stack.X * (1 + k) for k in range(K)])
    *_, last = steps(one.net, params, [(X, stack.Y)] * 3)
    *_, expected = steps(one.net, params, [(X, stack.Y)] * 3, kernels=VECTORIZED)
    assert last.params[0].W.shape == (K, 7, 5)
    assert_trees_close(last.params, expected.params)


LARGE = 2**17 // 5 + 1

LEFT: dict[str, Any] = {
    "large batches that do not lie as rows": {"m": LARGE},
    "clipping": {"optimizer": optim.clip(optim.adam(0.01), 0.1)},
    "an update without a loop": {"optimizer": optim.lion(0.01)},
    "a rate that is an array of none": {"optimizer": optim.sgd(np.asarray(0.1, "float32"))},
}


@pytest.mark.parametrize("settings", LEFT.values(), ids=LEFT)
def test_what_is_left_to_kernels(settings, monkeypatch):
    monkeypatch.delitem(LOOPS, "lion")
    stack = case(m=settings.get("m", M))
    X, Y = map(strided, (stack.X, stack.Y))
    given = {"optimizer": settings.get("optimizer", "adam")}
    default = STEPS.default_step
    with mock.patch.object(STEPS, "default_step", side_effect=default) as plain:
        *_, last = steps(stack.net, stack.params, [(X, Y)] * 2, **given)
    assert plain.call_count == 2
    *_, expected = steps(stack.net, stack.params, [(X, Y)] * 2, kernels=VECTORIZED, **given)
    assert_trees_close(last.params, expected.params)
