"""Whole epochs of a stack of JAX as one program: as run by run."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from tests.fused.jax.cases import M, stack_on_jax
from tests.kernels.cases import assert_trees_close
from tests.train.cases import rates
from xpnet import optim
from xpnet.fused import is_known
from xpnet.train.arguments import Settings
from xpnet.types import Batches

jax = pytest.importorskip("jax")
jax_run = pytest.importorskip("xpnet.fused.jax.run")
jax_groups = pytest.importorskip("xpnet.fused.jax.groups")

STEPS = import_module("xpnet.train.steps")  # the function of that name hides the module

K, SIZE, STEPS_AN_EPOCH = 5, 4, 8
SEEDS = [3, 1, 4, 1, 5]


@pytest.fixture
def two_groups(monkeypatch):
    """Of two and of three networks."""
    monkeypatch.setattr(jax_groups, "cores", lambda: 2)
    monkeypatch.setattr(jax_groups, "FEWEST", 2)
    monkeypatch.setattr(jax_groups, "WORK", 0)


def trainer_of(case, **settings):
    settings = Settings.checked(case.params, l2=case.l2, **settings)
    return STEPS.Trainer(case.net, case.params, settings, fixed=False)


def epochs_of(case, count, lead, size=SIZE):
    rng, m = np.random.default_rng(0), case.X.shape[-1]
    orders = [
        rng.permuted(np.broadcast_to(np.arange(m), (*lead, m)), axis=-1) for _ in range(count)
    ]
    return [Batches(case.X.mT, case.Y.mT, case.sample_weight, order, size) for order in orders]


def assert_epochs_as_runs(case, count, lead=(), size=SIZE, **settings):
    """One run of them all beside runs of one each, by two trainers."""
    epochs, steps = epochs_of(case, count, lead, size), -(-case.X.shape[-1] // size)
    whole, single = trainer_of(case, **settings), trainer_of(case, **settings)
    costs = whole.run_of_epochs(epochs, steps)
    others = [cost for batches in epochs for cost in single.run(batches, 0, steps)]
    np.testing.assert_allclose(costs, others, rtol=1e-10)
    assert_trees_close(whole.params, single.params, "float64")
    for moment, other in zip(whole.state.moments, single.state.moments, strict=True):
        assert_trees_close(moment, other, "float64")
    assert (whole.index, whole.state.t) == (count * steps,) * 2
    # They go on from there.
    np.testing.assert_allclose(
        whole.run_of_epochs(epochs[:1], steps), single.run(epochs[0], 0, steps), rtol=1e-10
    )


@pytest.mark.parametrize("lead", [(), (K,)], ids=["one order", "orders of each"])
@pytest.mark.parametrize("own", [False, True], ids=["one X", "samples of each"])
def test_epochs_of_one_run_are_those_one_by_one(lead, own, two_groups):
    dropout = {"dropout": 0.4, "seed": SEEDS} if own else {}
    schedule = optim.adam(optim.cosine(rates(*np.geomspace(1e-3, 0.1, K)), 20))
    assert_epochs_as_runs(stack_on_jax(K, own), 3, lead, optimizer=schedule, **dropout)


@pytest.mark.parametrize(("m", "size"), [(28, SIZE), (M, M - 1), (M, 1)])
def test_epochs_of_whole_batches_and_of_one(m, size):
    assert_epochs_as_runs(stack_on_jax(K, m=m), 2, size=size, optimizer=optim.sgd(0.1))


@pytest.mark.parametrize("bound", ["MOST_EPOCHS", "MOST_STEPS", "ORDERS"])
def test_more_epochs_than_a_program_has_room_for(bound, monkeypatch):
    room = {"MOST_EPOCHS": 2, "MOST_STEPS": 2 * STEPS_AN_EPOCH, "ORDERS": 2 * M}
    monkeypatch.setattr(jax_run, bound, room[bound])
    assert_epochs_as_runs(stack_on_jax(K), 5, optimizer=optim.sgd(0.1))


def test_samples_of_epochs_are_gathered_in_blocks(monkeypatch):
    """Of seven whole batches for three, three and one."""
    case = stack_on_jax(K)
    a_sample = case.X.nbytes + case.Y.nbytes
    monkeypatch.setattr(jax_run, "GATHERED", 3 * SIZE * a_sample // M + 1)
    monkeypatch.setattr(jax_run, "FEWEST", 3)
    assert_epochs_as_runs(case, 2, optimizer=optim.sgd(0.1))


def test_epochs_of_all_numbers_are_one_program():
    case, before = stack_on_jax(K), jax_run._run_program.cache_info().misses
    trainer = trainer_of(case, optimizer=optim.sgd(0.1))
    for count in (1, 3, 2):
        trainer.run_of_epochs(epochs_of(case, count, ()), STEPS_AN_EPOCH)
    assert jax_run._run_program.cache_info().misses <= before + 1
    assert trainer.index == 6 * STEPS_AN_EPOCH


SGD = optim.sgd(0.1)
OWN = SGD._replace(apply=lambda *given: SGD.apply(*given))


@pytest.mark.parametrize(
    ("size", "optimizer"),
    [(M + 1, SGD), (SIZE, OWN)],
    ids=["a batch of all", "an update of one's own"],
)
def test_what_no_run_of_epochs_is_made_of(size, optimizer):
    assert not is_known(OWN.apply)
    case, steps = stack_on_jax(K), -(-M // size)
    trainer = trainer_of(case, optimizer=optimizer)
    assert trainer.run_of_epochs(epochs_of(case, 2, (), size), steps) is None
    assert trainer.index == 0


def test_one_network_has_no_run_of_epochs():
    """Which would be a program more, for as many steps."""
    case = stack_on_jax(K)
    one = trainer_of(replace(case.member(0), l2=0.0), optimizer=SGD)
    assert one.run_of_epochs(epochs_of(case, 2, ()), STEPS_AN_EPOCH) is None
    assert not one.has_run_of_epochs
