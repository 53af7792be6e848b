"""Runs of a stack on NumPy arrays: each network leaves what it leaves alone, to the bit."""

from __future__ import annotations

import tracemalloc
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.fused.numba.network.test_run import BATCH_SIZE, STEPS_AN_EPOCH, M, Rarely
from tests.fused.runs import STEPS, refuse
from tests.kernels.cases import assert_trees_close, mapped, of_member, random_case
from tests.train.cases import Heard, rates
from xpnet import fit, optim
from xpnet.backend import gather
from xpnet.data.batches import gathered, shuffled
from xpnet.fused.numba.network import loop, stacks, trainings
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.threads import team
from xpnet.fused.numba.updates import LOOPS
from xpnet.train.arguments import Settings
from xpnet.types import count

K = 3
EXACT = {"rtol": 0, "atol": 0}

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request, monkeypatch):
    """How many the BLAS has, and so a run of a stack."""
    limit_threads(monkeypatch, request.param)
    return request.param


def limit_threads(monkeypatch, number):
    for module in (stacks, team):
        monkeypatch.setattr(module, "all_threads", lambda: number)
        monkeypatch.setattr(module, "WORTH", 0)


def case(sizes=(5, 7, 4, 3), lead=(K,), m=M, seed=0, dtype="float32"):
    drawn = random_case(sizes, hidden="relu", output="softmax", m=m, stack=lead, seed=seed)
    return drawn._mapped(lambda array: array.astype(dtype))


def trained(data, **settings):
    given = {"optimizer": optim.adam(0.01), "epochs": 2, "batch_size": BATCH_SIZE, **settings}
    return fit(*data, **given)


def in_runs(data, **settings):
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        return trained(data, **settings)


def assert_as_alone(index, result, data, **settings):
    net, params, X, Y = data
    alone = in_runs((net, mapped(lambda tensor: tensor[index], params), X, Y), **settings)
    its = mapped(lambda tensor: tensor[index], result.params)
    assert_trees_close(its, alone.params, **EXACT)
    costs = [np.asarray(row["cost"])[index] for row in result.history]
    assert costs == [row["cost"] for row in alone.history]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOOPS)
def test_every_optimiser(name, dtype):
    stack, settings = case(dtype=dtype), {"optimizer": getattr(optim, name)(0.01), "l2": 0.25}
    result = in_runs(stack.data, **settings)
    for k in range(K):
        assert_as_alone(k, result, stack.data, **settings)


@pytest.mark.parametrize("sizes", [(5, 3), (5, 40), (5, 7, 4, 3)], ids=str)
def test_what_is_each_networks_own(sizes, threads, rng):
    """Rates, penalties, weights, seeds, dropout; a single thin layer has neither hidden units."""
    stack, seeds = case(sizes), [4, 0, 9]
    given, l2, share = rates(0.5, 0.25, 0.0625), rates(0.25, 0.0, 0.5), rates(0.0, 0.25, 0.5)
    weight = rng.uniform(0.5, 2.0, (K, 1, M)).astype("float32")
    weight[..., ::3] = 0
    both = {"epochs": 2, "batch_size": 24}  # the last batch has five
    result = in_runs(
        stack.data,
        optimizer=optim.sgd(given.astype("float32")),
        l2=l2.astype("float32"),
        **{"sample_weight": weight, "seed": seeds, "dropout": share, **both},
    )
    for k in range(K):
        own = {"l2": float(l2[k, 0, 0]), "dropout": float(share[k, 0, 0]), "seed": seeds[k]}
        own |= {"optimizer": optim.sgd(float(given[k, 0, 0])), "sample_weight": weight[k]}
        assert_as_alone(k, result, stack.data, **own, **both)


def test_folds_beside_candidates(threads):
    """Samples and seeds are those of a fold, rates those of a candidate."""
    stack, folds = case(lead=(2, K)), [case(lead=(1,), seed=seed) for seed in (1, 2)]
    X, Y = (np.stack([getattr(fold, name) for fold in folds])[:, None] for name in "XY")
    given, data = (0.5, 0.25, 0.125), (stack.net, stack.params, X, Y)
    rate = rates(*given).astype("float32")
    result = in_runs(data, optimizer=optim.momentum(rate), seed=[[5], [6]])
    for f, c in np.ndindex(2, K):
        own = {"optimizer": optim.momentum(given[c]), "seed": 5 + f}
        assert_as_alone((f, c), result, (*data[:2], X[f, 0], Y[f, 0]), **own)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_rates_that_are_corrected_and_scheduled(name):
    """As arrays they are corrected in their own dtype, not in Python's: equal to rounding."""
    stack, make = case(dtype="float64"), getattr(optim, name)
    given = (0.01, 0.02, 0.03)
    result = in_runs(stack.data, optimizer=make(lambda t: rates(*given) / t))
    for k in range(K):
        expected = trained(stack.member(k).data, optimizer=make(lambda t, k=k: given[k] / t))
        assert_trees_close(of_member(k, result.params), expected.params, rtol=1e-9)


def test_one_seed_draws_the_masks_of_the_stack_as_a_whole(monkeypatch):
    """The same as by the plain kernels, in two hidden layers."""
    stack, settings = case(lead=(2, 2), dtype="float64"), {"dropout": 0.5, "seed": 3}
    found = in_runs(stack.data, **settings)
    monkeypatch.setenv("XPNET_FUSED", "0")
    assert_trees_close(found.params, trained(stack.data, **settings).params, "float64")


@pytest.mark.parametrize(
    ("networks", "number", "workers"),
    [(1, 1, []), (3, 1, []), (1, 2, [-2]), (3, 2, [2, -2, 2]), (3, 4, [3, 3])],
)
def test_large_networks_that_are_left_over_have_workers(networks, number, workers, monkeypatch):
    """Of three, two go side by side, and the third has both threads; where it may have two of four,
    three go side by side. The last of these numbers are of the cost at the end.
    """
    limit_threads(monkeypatch, number)
    given, (one, other) = [], (stacks.on_workers, loop.on_workers)
    monkeypatch.setattr(stacks, "on_workers", lambda n, make: given.append(n) or one(n, make))
    monkeypatch.setattr(loop, "on_workers", lambda n, make: given.append(-n) or other(n, make))
    parts = [(slice(0, 3), 1), (slice(3, 8), min(number, 2))]
    monkeypatch.setattr(team.Team, "parts", lambda *_: parts)
    stack = case((64, 64, 3), lead=(networks,), m=1024)
    settings = {"batch_size": 128, "seed": list(range(networks)), "epochs": 1}
    result = in_runs(stack.data, **settings)
    assert given == workers
    for k in range(networks):
        assert_as_alone(k, result, stack.data, **settings | {"seed": k})


def test_what_is_soon_made_is_made_by_one_thread(monkeypatch):
    monkeypatch.setattr(stacks, "all_threads", lambda: 2)
    for worth, workers in ((stacks.WORTH, []), (10_000, [2, 2])):
        monkeypatch.setattr(stacks, "WORTH", worth)
        with mock.patch.object(stacks, "on_workers", side_effect=stacks.on_workers) as made:
            in_runs(case().data)
        assert [call.args[0] for call in made.call_args_list] == workers


def test_a_group_for_each_thread():
    calls = [((0.0,) * 80, mock.Mock(net="one"), {}) for _ in range(17)]
    sizes = {n: [len(group) for group in trainings.groups_of(calls, n)] for n in (1, 2, 4)}
    assert sizes == {1: [5, 6, 6], 2: [4, 4, 4, 5], 4: [4, 4, 4, 5]}
    assert [len(group) for group in trainings.groups_of(calls[:3], 2)] == [1, 2]
    assert [len(group) for group in trainings.groups_of(calls[:1], 2)] == [1]


def test_what_is_given_stays_as_it_is():
    stack = case()
    arrays = [stack.X, stack.Y, *(tensor for layer in stack.params for tensor in layer)]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    in_runs(stack.data)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_steps_that_are_kept_stay_as_they_were(monkeypatch):
    monkeypatch.setattr("xpnet.train.epochs.SECONDS", 0.0)  # a step a run
    rarely, heard, stack = Rarely(), Heard(), case()
    trained(stack.data, callbacks=[rarely])
    trained(stack.data, callbacks=[heard])
    assert len(rarely.steps) == 2 * STEPS_AN_EPOCH
    for found, expected in zip(rarely.steps, heard.steps, strict=True):
        assert_trees_close(found.params, expected.params, **EXACT)
        np.testing.assert_array_equal(found.cost, expected.cost)


def test_steps_and_runs_take_turns():
    """What an optimiser remembers goes from one to the other and back."""
    stack, settings = case(), Settings(optim.adam(0.01))
    one, other = (STEPS.Trainer(stack.net, stack.params, settings, fixed=True) for _ in range(2))
    X, Y = stack.X.T.copy(), stack.Y.T.copy()
    batches = shuffled(X, Y, BATCH_SIZE, 0, 0, None)
    each = list(gathered(batches, gather))
    for batch in each[:4]:
        other.step(*batch)
    one.step(*each[0])
    assert one.run(batches, 1, 2).shape == (2, K)
    one.step(*each[3])
    assert one.state.t == other.state.t == 4
    assert_trees_close((one.params, one.state), (other.params, other.state), **EXACT)


def test_the_cost_of_a_batch_after_a_run():
    """That of the newest parameters, and of any others."""
    stack, l2 = case(), rates(0.0, 0.25, 0.5).astype("float32")
    trainer = STEPS.Trainer(stack.net, stack.params, Settings(optim.adam(0.01), l2=l2), fixed=True)
    batches = shuffled(stack.X.T.copy(), stack.Y.T.copy(), BATCH_SIZE, 0, 0, None)
    trainer.run(batches, 0, 3)
    for params in (trainer.params, stack.params):
        found = trainer.cost(params, batches, 4)
        for k in range(K):
            one = Settings(optim.adam(0.01), l2=float(l2[k, 0, 0]))
            alone = STEPS.Trainer(stack.net, of_member(k, params), one, fixed=True)
            costs = alone.run(batches, 4, 1)
            np.testing.assert_array_equal(found[k], costs[0])


LEFT: dict[str, Any] = {
    "clipping": {"optimizer": optim.clip(optim.adam(0.01), 0.1)},
    "an update without a loop": {"optimizer": optim.lion(0.01)},
    "rates that are sometimes arrays": {
        "optimizer": optim.sgd(lambda t: rates(1, 2, 3).astype("float32") if t % 2 else 0.5)
    },
}


@pytest.mark.parametrize("settings", LEFT.values(), ids=LEFT)
def test_what_is_left_to_single_steps(settings, monkeypatch):
    monkeypatch.delitem(LOOPS, "lion")
    data, one = case().data, STEPS.Trainer.step
    with mock.patch.object(STEPS.Trainer, "step", autospec=True, side_effect=one) as made:
        result = trained(data, **settings)
    assert made.call_count == result.steps
    assert_trees_close(result.params, trained(data, callbacks=[Heard()], **settings).params)


def test_memory_grows_with_parameters_alone():
    """Not with samples: those of 64 networks, and of two."""
    peaks = []
    for number in (2, 64):
        stack = case((200, 8, 3), lead=(number,), m=2000)
        for _ in range(2):
            tracemalloc.start()
            in_runs(stack.data, batch_size=32, epochs=1)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        peaks.append(peak - 9 * 4 * count(stack.params))
    assert peaks[1] < peaks[0] + stack.X.nbytes
