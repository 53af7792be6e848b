"""Training steps by plans: what they compute, where there is none, and what they leave as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS, Scaled, by_kernels, fortran, of_another_kind, strided
from tests.kernels.cases import assert_trees_close, mapped, random_case, tree_leaves
from xpnet import optim
from xpnet.fused.cupy.dense import NEEDS_Z
from xpnet.fused.cupy.driver import LEAST_SEGMENT
from xpnet.fused.cupy.network.step import MOST_PLANS, planned_step
from xpnet.fused.cupy.updates import FIELDS
from xpnet.kernels import VECTORIZED
from xpnet.kernels.dropout import dropout_of
from xpnet.network.gradients import unchecked_value_and_grad
from xpnet.train.step import step_by
from xpnet.types import LAYER_KINDS, Dense

SIZES = (6, 9, 5, 3)
plain_step = step_by(unchecked_value_and_grad)


@dataclass(frozen=True)
class Trained:
    """What a few steps returned, each of them."""

    params: list[Any]
    moments: Any
    costs: list[Any]


def trained(case, step, *, optimizer=None, dropout=0.0, steps=3, batches=None, **settings):
    """So many steps on the data of a case, or on a batch of `batches` each."""
    optimizer = optim.adam(0.05) if optimizer is None else optimizer
    params, moments = case.params, optimizer.init(case.params).moments
    found = Trained([], None, [])
    given = {"apply": optimizer.apply, "kernels": VECTORIZED, "l2": case.l2}
    for t in range(1, steps + 1):
        X, Y, weight = (case.X, case.Y, case.sample_weight) if batches is None else batches[t - 1]
        drawn = dropout_of(dropout, 7, t) if dropout else None
        rest = {"sample_weight": weight, "dropout": drawn, **given, **settings}
        data = params, moments, X, Y, optimizer.hyperparameters(t)
        params, moments, J = step(case.net, *data, **rest)
        found.params.append(params)
        found.costs.append(J)
    return replace(found, moments=moments)


def refuse(*args, **kwargs):
    pytest.fail("the step fell back to the plain one")


def moved(device, case, dtype, lay=np.array):
    """The case on `device`, its data laid in memory as `lay` does."""
    there = case._mapped(lambda array: device.asarray(array, dtype))
    return replace(there, X=laid(device, case.X, dtype, lay), Y=laid(device, case.Y, dtype, lay))


def laid(device, array, dtype, lay):
    like = lay(np.asarray(array, dtype))
    if like.flags.c_contiguous:
        return device.asarray(like, dtype)
    if like.swapaxes(-1, -2).flags.c_contiguous:
        return device.asarray(like.swapaxes(-1, -2), dtype).swapaxes(-1, -2)
    return device.asarray(np.repeat(like, 2, axis=-1), dtype)[..., ::2]


def agree(device, dtype, case, *, lay=np.array, optimizer=None, **settings):
    """Planned steps give what plain ones give on NumPy, and write to nothing that they get."""
    here, there = case._mapped(lambda array: array.astype(dtype)), moved(device, case, dtype, lay)
    given = [device.to_numpy(array).copy() for array in tree_leaves((there.params, there.X))]
    ours = trained(there, planned_step(device.driver, refuse), optimizer=optimizer, **settings)
    theirs = trained(here, plain_step, optimizer=optimizer, **settings)
    tolerance = (
        {"rtol": 2e-3, "atol": 2e-4} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-11}
    )
    for found, expected in zip(
        tree_leaves((tuple(ours.params), ours.moments, tuple(ours.costs))),
        tree_leaves((tuple(theirs.params), theirs.moments, tuple(theirs.costs))),
        strict=True,
    ):
        assert found.shape == expected.shape
        assert found.dtype == dtype
        np.testing.assert_allclose(device.to_numpy(found), expected, **tolerance)
    for array, before in zip(tree_leaves((there.params, there.X)), given, strict=True):
        assert (device.to_numpy(array) == before).all()
    return ours


@pytest.mark.parametrize("optimizer", by_kernels(FIELDS))
def test_every_optimiser(device, dtype, optimizer):
    agree(device, dtype, random_case(SIZES), optimizer=OPTIMIZERS[optimizer])


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "identity", "exp"])
@pytest.mark.parametrize("hidden", NEEDS_Z)
def test_every_activation_and_output(one_order, hidden, output):
    agree(one_order, "float64", random_case(SIZES, hidden=hidden, output=output))


OPTIONS = {
    "penalty": {"l2": 0.3},
    "weights": {"weighted": True},
    "weights and penalty": {"weighted": True, "l2": 0.3},
    "dropout": {"dropout": 0.4},
    "clipped": {"norm": 0.05},
    "clipped twice": {"norm": 0.05, "again": 0.04},
    "all": {"l2": 0.3, "weighted": True, "dropout": 0.4, "norm": 0.05},
}


@pytest.mark.parametrize("stack", [(), (1,), (3,)], ids=["one network", "a stack of 1", "a stack"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_option(device, dtype, options, stack):
    options = dict(options)
    dropout, optimizer = options.pop("dropout", 0.0), optim.adam(0.05)
    for norm in (options.pop("norm", None), options.pop("again", None)):
        optimizer = optimizer if norm is None else optim.clip(optimizer, norm)
    case = random_case(SIZES, stack=stack, **options)
    agree(device, dtype, case, optimizer=optimizer, dropout=dropout)


@pytest.mark.parametrize("lay", [np.ascontiguousarray, fortran], ids=["rows", "columns"])
@pytest.mark.parametrize("own", [False, True], ids=["one X for all", "an X for each"])
@pytest.mark.parametrize("m", [1, 7])
def test_a_batch_that_lies_by_rows_or_columns(one_order, dtype, lay, own, m):
    case = random_case(SIZES, stack=(3,), m=m)
    if own:
        X, Y = (np.stack([array + k / 9 for k in range(3)]) for array in (case.X, case.Y))
        case = replace(case, X=X, Y=Y / 2)
    agree(one_order, dtype, case, lay=lay)


def test_no_hidden_layer(device, dtype):
    agree(device, dtype, random_case((6, 3), output="softmax", l2=0.1), dropout=0.5)


@pytest.mark.parametrize("layers", [15, 16, 17])
def test_as_many_layers_as_a_table_holds_and_more(one_order, layers):
    case = random_case((2,) * (layers + 1), l2=0.1)
    agree(one_order, "float64", case, optimizer=optim.clip(optim.adamw(0.01), 0.1))


def test_rows_that_are_divided(one_order):
    case = random_case((2, 3, 2), m=2 * LEAST_SEGMENT + 5, weighted=True, l2=0.1)
    agree(one_order, "float64", case, dropout=0.2, steps=2)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lion"])
@pytest.mark.parametrize("kind", ["array", "of the host"])
def test_a_rate_for_each_network(one_order, dtype, name, kind):
    rates = np.asarray([0.1, 0.01, 0.0])[:, None, None]
    rates = one_order.asarray(rates, dtype) if kind == "array" else rates
    case = random_case(SIZES, stack=(3,))
    there = moved(one_order, case, dtype)
    ours = trained(
        there, planned_step(one_order.driver, refuse), optimizer=optim.OPTIMIZERS[name].make(rates)
    )
    host = np.asarray(one_order.to_numpy(rates), dtype)
    here = case._mapped(lambda array: array.astype(dtype))
    theirs = trained(here, plain_step, optimizer=optim.OPTIMIZERS[name].make(host))
    for found, expected in zip(
        tree_leaves(ours.params[-1]), tree_leaves(theirs.params[-1]), strict=True
    ):
        tolerance = 1e-3 if dtype == "float32" else 1e-9
        np.testing.assert_allclose(
            one_order.to_numpy(found), expected, rtol=tolerance, atol=tolerance
        )


def cut(case, *sizes):
    """Batches of these sizes, from the first sample on."""
    return [
        (
            case.X[..., :m],
            case.Y[..., :m],
            None if case.sample_weight is None else case.sample_weight[..., :m],
        )
        for m in sizes
    ]


def test_batches_of_other_shapes_in_turn(one_order):
    device = one_order
    case = random_case(SIZES, m=40, weighted=True, l2=0.1)
    sizes = [40, 40, 8, 40, 8, *range(1, MOST_PLANS - 1), 40]
    there = moved(device, case, "float64", fortran)
    batches = cut(there, *sizes)
    settings = {"steps": len(sizes), "dropout": 0.3}
    ours = trained(there, planned_step(device.driver, refuse), batches=batches, **settings)
    theirs = trained(case, plain_step, batches=cut(case, *sizes), **settings)
    costs = [float(device.to_numpy(J)) for J in ours.costs]
    np.testing.assert_allclose(costs, theirs.costs, rtol=1e-9)


def test_targets_that_are_the_samples_and_later_are_not(one_order):
    device = one_order
    case = random_case((4, 3, 4), output="identity", m=6)
    there = moved(device, case, "float64", fortran)
    batches = [
        [(c.X, c.X, None), (c.X, c.Y, None), (c.Y, c.Y, None), (c.Y, c.X, None)]
        for c in (there, case)
    ]
    ours = trained(there, planned_step(device.driver, refuse), batches=batches[0], steps=4)
    theirs = trained(case, plain_step, batches=batches[1], steps=4)
    costs = [float(device.to_numpy(J)) for J in ours.costs]
    np.testing.assert_allclose(costs, theirs.costs, rtol=1e-9)


def test_a_step_that_is_kept_stays_as_it_was(one_order):
    device, case = one_order, random_case(SIZES)
    there = moved(device, case, "float64")
    steps = planned_step(device.driver, refuse)
    ours = trained(there, steps, steps=20)
    theirs = trained(case, plain_step, steps=20)
    for found, expected in zip(
        tree_leaves(tuple(ours.params)), tree_leaves(tuple(theirs.params)), strict=True
    ):
        np.testing.assert_allclose(device.to_numpy(found), expected, rtol=1e-9, atol=1e-11)


def test_a_loop_may_go_on_from_other_parameters_and_moments(one_order):
    device = one_order
    case, other = (random_case(SIZES, seed=seed) for seed in (0, 1))
    there, other_there = (moved(device, each, "float64") for each in (case, other))
    step = planned_step(device.driver, refuse)
    trained(there, step)
    again = trained(replace(there, params=other_there.params), step)
    expected = trained(replace(case, params=other.params), plain_step)
    assert_trees_close(mapped(device.to_numpy, again.params[-1]), expected.params[-1], "float64")


def test_two_loops_know_nothing_of_each_other(one_order):
    device, case = one_order, random_case(SIZES)
    there = moved(device, case, "float64")
    first, second = (planned_step(device.driver, refuse) for _ in range(2))
    a = trained(there, first, steps=1)
    trained(there, second, steps=5, optimizer=optim.adam(0.5))
    b = trained(replace(there, params=a.params[-1]), first, steps=1)
    expected = trained(
        replace(case, params=trained(case, plain_step, steps=1).params[-1]), plain_step, steps=1
    )
    assert_trees_close(mapped(device.to_numpy, b.params[-1]), expected.params[-1], "float64")


def other_layers(case):
    return replace(case, params=of_another_kind(case.params))


OTHERWISE = {
    "a user's activation": lambda case: replace(
        case, net=SimpleNamespace(sizes=SIZES, activations=("mine", "tanh"), output="sigmoid")
    ),
    "another kind of layer": other_layers,
    "float16": lambda case: case._mapped(lambda array: array.astype("float16")),
    "X with gaps": lambda case: replace(case, X=strided(case.X)),
    "no samples": lambda case: replace(case, X=case.X[:, :0], Y=case.Y[:, :0]),
    "one network that becomes a stack": lambda case: replace(
        case, X=np.stack([case.X] * 2), Y=np.stack([case.Y] * 2)
    ),
}


@pytest.mark.parametrize("change", OTHERWISE.values(), ids=OTHERWISE)
def test_what_there_is_no_plan_for_goes_to_the_plain_step(host_device, monkeypatch, change):
    monkeypatch.setitem(LAYER_KINDS, Scaled, LAYER_KINDS[Dense])
    case = change(random_case(SIZES))
    answer = object(), (), object()
    asked = []

    def plain(*args, **kwargs):
        asked.append((args, kwargs))
        return answer

    step = planned_step(host_device.driver, plain)
    optimizer = optim.sgd(0.1)
    given = {"sample_weight": None, "l2": 0.0, "dropout": None, "kernels": VECTORIZED}
    data = case.net, case.params, (), case.X, case.Y, optimizer.hyperparameters(1)
    assert step(*data, apply=optimizer.apply, **given) is answer
    assert host_device.launches == []
    ((args, kwargs),) = asked
    assert all(ours is theirs for ours, theirs in zip(args, data, strict=True))
    assert kwargs == {"apply": optimizer.apply, **given}


def own_apply(params, grads, moments, hyperparameters, kernels):
    return kernels.update("sgd", params, grads, moments, rate=hyperparameters["rate"])


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.sgd(0.1)._replace(apply=own_apply),
        optim.sgd(0.1)._replace(hyperparameters=lambda t: {"rate": 0.1, "mu": 0.9}),
        optim.adam(0.1, beta1=np.full((2, 1, 1), 0.8)),
        optim.clip(optim.sgd(0.1)._replace(apply=own_apply), 1.0),
    ],
    ids=["an apply of one's own", "other hyperparameters", "two for three networks", "clipped"],
)
def test_an_optimiser_that_no_kernel_knows(host_device, optimizer):
    case = random_case(SIZES, stack=(3,))
    asked = []

    def plain(*args, **kwargs):
        asked.append(args)
        return args[1], args[2], None

    trained(case, planned_step(host_device.driver, plain), optimizer=optimizer)
    assert len(asked) == 3
    assert host_device.launches == []
