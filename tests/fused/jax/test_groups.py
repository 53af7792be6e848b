"""Runs of a stack of JAX in groups of its networks: as step by step, and as each alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from tests.fused.jax.cases import stack_on_jax
from tests.kernels.cases import assert_trees_close, of_member
from tests.train.cases import Heard, rates, train
from xpnet import optim
from xpnet.types import Batches

jax = pytest.importorskip("jax")
jax_run = pytest.importorskip("xpnet.fused.jax.run")
jax_groups = pytest.importorskip("xpnet.fused.jax.groups")

K, SIZE = 7, 4
SEEDS = [3, 1, 4, 1, 5, 9, 2]
FORMS = {
    "rates": {"optimizer": optim.adam(rates(*np.geomspace(1e-3, 0.1, K)))},
    "orders and dropout": {"seed": SEEDS, "dropout": 0.4},
}


@pytest.fixture
def three_groups(monkeypatch):
    """Of two, two and three networks; no program is known yet."""
    jax_run._run_program.cache_clear()
    monkeypatch.setattr(jax_groups, "cores", lambda: 3)
    monkeypatch.setattr(jax_groups, "FEWEST", 2)
    monkeypatch.setattr(jax_groups, "WORK", 0)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_groups_are_trained_as_step_by_step(form, three_groups):
    case, settings = stack_on_jax(K), {"batch_size": SIZE, "epochs": 2, **form}
    with mock.patch.object(jax_run, "in_groups", wraps=jax_groups.in_groups) as grouped:
        found = train(case, **settings)
    assert {call.args[0] for call in grouped.call_args_list} == {3}
    expected = train(case, callbacks=[Heard()], **settings)
    assert_trees_close(found.params, expected.params, "float64")
    costs, others = ([row["cost"] for row in each.history] for each in (found, expected))
    np.testing.assert_allclose(costs, others, rtol=1e-10)


def test_a_network_of_a_group_is_trained_as_alone(three_groups):
    case = stack_on_jax(K)
    found = train(case, batch_size=SIZE)
    for k in (0, 3, K - 1):
        alone = replace(case.member(k), l2=float(case.l2[k, 0, 0]))
        assert_trees_close(of_member(k, found.params), train(alone, batch_size=SIZE).params)


def test_masks_that_are_drawn_for_the_whole_stack_are_those_of_steps(three_groups):
    case, settings = stack_on_jax(K), {"batch_size": SIZE, "dropout": 0.4, "seed": 2}
    found, expected = (train(case, callbacks=c, **settings) for c in ([], [Heard()]))
    assert_trees_close(found.params, expected.params, "float64")


@pytest.mark.parametrize("x64", [False, True])
def test_a_group_is_computed_in_the_precision_of_the_caller(x64):
    """Which may be a setting of the caller's thread."""
    with jax.enable_x64(x64):
        call = jax_groups._as_here(lambda: jax.numpy.zeros(2, float).dtype)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(call, ()).result() == ("float64" if x64 else "float32")


ENOUGH = jax_groups.WORK // (16 * 4 * 3) + 1


def groups(shape=(16, 4, 3), samples=ENOUGH, platform="cpu", places=1, keys=None, own=()):
    devices = [SimpleNamespace(platform=platform)] * places
    both = [SimpleNamespace(ndim=2 + (name in own), devices=lambda: devices) for name in "XY"]
    dropout = None if keys is None else [SimpleNamespace(keys=(keys, keys))]
    batches = Batches(*both, None, None, 1)
    steps = SimpleNamespace(params=((np.zeros(shape),),), batches=batches, dropout=dropout)
    return jax_groups.groups_of(steps, samples)


@pytest.mark.parametrize(
    ("given", "cores", "expected"),
    [
        ({}, 2, 2),
        ({}, 1, 1),
        ({}, 64, 16 // jax_groups.FEWEST),
        ({"shape": (2 * jax_groups.FEWEST - 1, 4, 3), "samples": 10 * ENOUGH}, 2, 1),
        ({"shape": (16, 12)}, 2, 1),
        ({"shape": (2, 8, 4, 3)}, 2, 1),
        ({"samples": ENOUGH - 1}, 2, 1),
        ({"keys": 7}, 2, 1),
        ({"keys": np.zeros((16, 1, 1))}, 2, 2),
        ({"platform": "gpu"}, 2, 1),
        ({"places": 2}, 2, 1),
        ({"own": "X"}, 2, 1),
        ({"own": "Y"}, 2, 1),
    ],
    ids=[
        *("two cores", "one core", "many cores", "few networks", "one network", "two axes"),
        "few samples",
        *("masks of all", "masks of each", "GPU", "sharded", "X of each", "Y of each"),
    ],
)
def test_what_is_made_in_groups(given, cores, expected, monkeypatch):
    monkeypatch.setattr(jax_groups, "cores", lambda: cores)
    assert groups(**given) == expected
