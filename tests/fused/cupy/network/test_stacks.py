"""Training steps of a stack whose networks have numbers, masks and samples of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fused.cupy.network.test_step import SIZES, moved, plain_step, refuse
from tests.kernels.cases import mapped, random_case, tree_leaves
from xpnet import optim
from xpnet.fused.cupy.network.step import planned_step
from xpnet.kernels import VECTORIZED, Dropout, dropout_of
from xpnet.types import Dense

STEPS = 3


def column(lead, low, high):
    return np.linspace(low, high, int(np.prod(lead))).reshape(*lead, 1, 1)


def masks(lead, step):
    """Those of each network, one of which drops nothing; made on the host."""
    count = int(np.prod(lead))
    rates = np.linspace(0.0, 0.6, count)
    each = [dropout_of(rate, seed, step) for seed, rate in enumerate(rates)]

    def shaped(numbers, dtype):
        return np.asarray(numbers, dtype).reshape(*lead, 1, 1)

    keys = tuple(shaped([one.keys[i] for one in each], np.int32) for i in (0, 1))
    least = shaped([one.least for one in each], np.int32)
    return Dropout(least, shaped([one.kept for one in each], np.float64), keys)


def trained(case, step, put, *, optimizer=None, dropout=False, lead=(), **numbers):
    """Parameters, moments and costs of every step; `put` brings arrays to where it runs."""
    made = (optimizer or optim.adam)(**mapped(put, numbers))
    params, moments, found = case.params, made.init(case.params).moments, []
    for t in range(1, STEPS + 1):
        params, moments, J = step(
            *(case.net, params, moments, case.X, case.Y, made.hyperparameters(t)),
            apply=made.apply,
            kernels=VECTORIZED,
            l2=case.l2,
            sample_weight=case.sample_weight,
            dropout=mapped(put, masks(lead, t)) if dropout else None,
        )
        found.append((params, J))
    return tuple(found), moments


def agree(device, dtype, case, **settings):
    """Planned steps give what plain ones give on NumPy; what they launch."""

    def put(array):
        return device.asarray(array, "int32" if array.dtype == np.int32 else dtype)

    def here(array):
        return array if array.dtype == np.int32 else array.astype(dtype)

    ours = trained(moved(device, case, dtype), planned_step(device.driver, refuse), put, **settings)
    launched = list(device.launches)
    theirs = trained(case._mapped(here), plain_step, here, **settings)
    tolerance = (
        {"rtol": 2e-3, "atol": 2e-4} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-11}
    )
    for found, expected in zip(tree_leaves(ours), tree_leaves(theirs), strict=True):
        assert found.shape == expected.shape
        assert found.dtype == dtype
        np.testing.assert_allclose(device.to_numpy(found), expected, **tolerance)
    return launched


LEADS: dict[str, tuple[int, ...]] = {"a stack": (3,), "a grid": (2, 3)}
NUMBERS: dict[str, dict[str, Any]] = {
    "rates": {"learning_rate": (0.01, 0.1)},
    "momentum": {"optimizer": optim.momentum, "mu": (0.1, 0.9)},
    "rates and momentum": {
        "optimizer": optim.nesterov,
        "learning_rate": (0.01, 0.1),
        "mu": (0.1, 0.9),
    },
    "betas": {"beta1": (0.5, 0.9), "beta2": (0.9, 0.99)},
    "decays": {"optimizer": optim.adamw, "learning_rate": (0.01, 0.1), "weight_decay": (0.0, 0.5)},
    "rho": {"optimizer": optim.rmsprop, "rho": (0.5, 0.9)},
}


@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
def test_numbers_of_each_network(one_order, dtype, lead, numbers):
    settings = {
        name: column(lead, *each) if isinstance(each, tuple) else each
        for name, each in numbers.items()
    }
    agree(one_order, dtype, random_case(SIZES, stack=lead, l2=0.2), **settings)


@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
@pytest.mark.parametrize("m", [1, 7])
def test_masks_of_each_network(device, dtype, lead, m):
    agree(device, dtype, random_case(SIZES, stack=lead, m=m), dropout=True, lead=lead)


OWN = {
    "X": ("X",),
    "Y": ("Y",),
    "weights": ("sample_weight",),
    "all": ("X", "Y", "sample_weight"),
}
"""What networks, or all networks of a row of a grid, have of their own."""


@pytest.mark.parametrize(
    ("lead", "sets"),
    [((3,), (3,)), ((1,), (1,)), ((2, 3), (2, 1)), ((2, 3), (2, 3)), ((2, 3), (1, 1))],
    ids=str,
)
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_samples_of_each_network(one_order, dtype, lead, sets, own):
    case = random_case(SIZES, stack=lead, l2=0.2)
    rng = np.random.default_rng(1)
    case = replace(case, sample_weight=rng.uniform(0.5, 3.0, (1, 7)))
    changed = {name: getattr(case, name) * rng.uniform(0.5, 1.0, (*sets, 1, 1)) for name in own}
    agree(one_order, dtype, replace(case, **changed))


def test_a_network_without_penalty_does_without_that_of_its_huge_weights(device):
    """Their squares are infinite, and times 0 they would be NaN: alone it has a finite cost."""
    case, l2 = random_case(SIZES, stack=(2,)), np.asarray([0.0, 0.25]).reshape(2, 1, 1)
    (W, b), *rest = case.params
    case = replace(case, params=(Dense(W * 1e30, b), *rest), X=case.X * 0, l2=l2)
    with np.errstate(over="ignore"):
        agree(device, "float32", case, optimizer=optim.sgd, learning_rate=np.zeros((2, 1, 1)))


def test_all_of_it_takes_as_many_launches_as_one_network_does(one_order):
    """But one, which brings together what the masks of each network are drawn with."""
    case = random_case(SIZES, l2=0.2, weighted=True)
    launches = [agree(one_order, "float64", case, learning_rate=0.1)]
    one_order.launches.clear()
    lead = (4,)
    case = random_case(SIZES, stack=lead, l2=0.2, weighted=True)
    case = replace(case, X=np.stack([case.X] * 4), Y=np.stack([case.Y] * 4))
    numbers = {"learning_rate": column(lead, 0.01, 0.1), "beta1": column(lead, 0.5, 0.9)}
    launches.append(agree(one_order, "float64", case, dropout=True, lead=lead, **numbers))
    assert launches[1] == [
        name
        for number, name in enumerate(launches[0])
        for name in (["draw_by"] if number % (len(launches[0]) // STEPS) == 0 else []) + [name]
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda case: {"X": np.stack([case.X] * 3)[None]},
        lambda case: {"X": np.stack([case.X] * 3), "Y": np.stack([case.Y] * 3)},
        lambda case: {"l2": np.full((3, 1, 1), 0.1)},
        lambda case: {"l2": np.full((2, 2, 1, 1), 0.1)},
    ],
    ids=["X that all rows share", "X by columns", "penalties of one row", "other penalties"],
)
def test_what_lies_otherwise_is_broadcast_or_left_to_plain_steps(host_device, change):
    case = random_case(SIZES, stack=(2, 3))
    case = replace(case, **change(case))
    asked = []

    def plain(*args, **kwargs):
        asked.append(args)
        return args[1], args[2], None

    step = planned_step(host_device.driver, plain)
    trained(case, step, lambda array: array, learning_rate=0.1)
    assert len(asked) == STEPS
    assert host_device.launches == []


def test_numbers_of_a_row_are_those_of_all_rows(host_device):
    case = random_case(SIZES, stack=(2, 3))
    case = replace(case, l2=column((1, 3), 0.0, 0.5))
    agree(host_device, "float64", case, learning_rate=column((2, 1), 0.01, 0.1))
