"""Targets, weights and penalties that are out of range are refused where they can be read."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import Library, random_case
from xpnet import Network, backend, backward, cost, evaluate, fit, forward, optim, steps
from xpnet import value_and_grad as gradient_of
from xpnet.network.checks import check_values
from xpnet.types import tensors

SIZES = (3, 5, 2)


def fitted(net, params, X, Y, **options):
    # So slow that targets of 1e30 do not make it diverge.
    return fit(net, params, X, Y, optimizer=optim.sgd(1e-40), epochs=1, **options)


def stepped(net, params, X, Y, **options):
    return list(steps(net, params, [(X, Y)], optimizer=optim.sgd(0.1), **options))


def gone_back(net, params, X, Y, **options):
    return backward(net, params, forward(net, params, X), X, Y, **options)


READ_ONCE = {"fit": fitted, "steps": stepped}  # wherever the arrays lie
ON_THE_HOST = {"value_and_grad": gradient_of, "cost": cost, "backward": gone_back}
each_weighted = pytest.mark.parametrize(
    "function", [*READ_ONCE.values(), *ON_THE_HOST.values()], ids=[*READ_ONCE, *ON_THE_HOST]
)
each = pytest.mark.parametrize(
    "function",
    [*READ_ONCE.values(), *ON_THE_HOST.values(), evaluate],
    ids=[*READ_ONCE, *ON_THE_HOST, "evaluate"],
)


def column(output, *values):
    """A case whose targets are one column, repeated."""
    case = random_case(SIZES, output=output)
    return replace(case, Y=np.repeat(np.asarray(values)[:, None], 7, axis=1))


BAD = [
    ("sigmoid", (2.0, 0.0), "Y holds targets from 0 to 2: expected 0 to 1, as the network's"),
    ("sigmoid", (0.0, -1.0), "Y holds targets from -1 to 0: expected 0 to 1"),
    ("sigmoid", (0.0, math.nan), r"Y holds nan at output 1 of sample 0 \(counted from 0\): expect"),
    ("softmax", (2.0, -1.0), "Y holds targets from -1 to 2: expected 0 to 1"),
    ("softmax", (0.5, 0.25), r"Y has columns with sums from 0\.75 to 0\.75: expected 1"),
    ("softmax", (0.0, 0.0), "Y has columns with sums from 0 to 0: expected 1"),
    ("softmax", (1.0, 1.0), r"sums from 2 to 2: expected 1.* need output='sigmoid'"),
    ("exp", (3.0, -1.0), "Y holds targets from -1 to 3: expected 0 or more, and finite"),
    ("hinge", (1.0, -1.0), "Y holds targets from -1 to 1: expected 0 and 1, for the sides −1 and"),
    (
        "hinge",
        (1.0, 0.75),
        "Y holds a target 0.25 away from the nearer of 0 and 1: expected",
    ),
    ("hinge", (1.0, math.nan), r"Y holds nan at output 1 of sample 0"),
    ("exp", (3.0, math.inf), r"Y holds inf at output 1 of sample 0 \(counted from 0\): expect"),
    (
        "identity",
        (3.0, math.nan),
        r"Y holds nan at output 1 of sample 0 \(counted from 0\): expect",
    ),
    (
        "identity",
        (3.0, -math.inf),
        r"Y holds -inf at output 1 of sample 0 \(counted from 0\): expect",
    ),
]
GOOD = [
    ("sigmoid", (0.3, 1.0)),
    ("softmax", (0.3, 0.7)),
    ("softmax", (0.333, 0.6667)),
    ("softmax", (0.33, 0.66)),
    ("exp", (0.0, 1e30)),
    ("identity", (-1e30, 1e30)),
    ("huber", (-1e30, 1e30)),
    ("hinge", (0.0, 1.0)),
    ("hinge", (1e-7, 1.0 - 1e-7)),
]


@pytest.mark.parametrize(("output", "values", "message"), BAD)
def test_targets_out_of_range(output, values, message):
    with pytest.raises(ValueError, match=message):
        gradient_of(*column(output, *values).data)


@pytest.mark.parametrize(("output", "values"), GOOD)
def test_targets_in_range(output, values):
    J, grads = gradient_of(*column(output, *values).data)
    assert all(np.isfinite(array).all() for array in (J, *tensors(grads)))


@each
def test_every_function_looks_at_the_targets(function):
    function(*column("softmax", 0.3, 0.7).data)
    with pytest.raises(ValueError, match=r"^Y has columns with sums from 0\.5 to 0\.5: expected 1"):
        function(*column("softmax", 0.2, 0.3).data)


@pytest.mark.parametrize("function", [*READ_ONCE.values(), evaluate], ids=[*READ_ONCE, "evaluate"])
def test_on_every_device_they_are_read_once(eager_xp, function):
    case = column("sigmoid", 2.0, 0.0).on(eager_xp)
    with pytest.raises(ValueError, match=r"^Y holds targets from 0 to 2: expected 0 to 1"):
        function(*case.data)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_rounding_is_no_fault(eager_xp, output):
    """Probabilities rounded to float32 are accepted, also after a cast."""
    P = np.random.default_rng(0).random((3, 200)).astype(np.float32)
    P = np.exp(P) / np.exp(P).sum(axis=0, keepdims=True)
    P[:, 0] = 1 + 2e-7, -2e-7, 0
    check_values(output, eager_xp.asarray(P, "float64"), None, 0.0, backend.has_values)


@each_weighted
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-2.0, "sample_weight holds numbers from -2 to 1: expected 0 or more, and finite"),
        (math.nan, "sample_weight holds numbers from nan to nan: expected 0 or more"),
        (math.inf, "sample_weight holds numbers from 1 to inf: expected 0 or more"),
    ],
)
def test_weights_out_of_range(function, weight, message):
    case = random_case(SIZES)
    weights = np.ones((1, 7))
    weights[0, 3] = weight
    with pytest.raises(ValueError, match=f"^{message}"):
        function(*case.data, sample_weight=weights)


@each_weighted
@pytest.mark.parametrize("l2", [-0.1, math.nan, math.inf])
def test_penalties_out_of_range(function, l2):
    stack = random_case(SIZES, stack=(2,))
    with pytest.raises(ValueError, match=f"^l2 is {l2}: expected 0 or more, and finite$"):
        function(*stack.data, l2=l2)
    with pytest.raises(ValueError, match=r"^l2 holds numbers from .*: expected 0 or more, and fin"):
        function(*stack.data, l2=np.asarray([1.0, l2]).reshape(2, 1, 1))


@pytest.mark.parametrize("function", ON_THE_HOST.values(), ids=ON_THE_HOST)
@pytest.mark.parametrize("device", ["cpu", "device1"])
def test_what_lies_on_a_device_is_not_waited_for(function, device):
    there = backend.resolve("array_api_strict", device=device, dtype="float32")
    case = column("sigmoid", 2.0, 0.0)._mapped(lambda array: backend.asarray(array, backend=there))
    if device == "cpu":
        with pytest.raises(ValueError, match="Y holds targets"):
            function(*case.data)
    else:
        function(*case.data)


@pytest.mark.parametrize("name", ["dask", "jax"])
def test_what_comes_later_is_taken_as_it_is(name):
    pytest.importorskip(name)
    case = column("sigmoid", 2.0, 0.0).on(Library(name))
    assert np.isfinite(backend.to_numpy(cost(*case.data)))


def test_no_samples_hold_no_bad_ones():
    case = random_case(SIZES, output="softmax")
    nothing = replace(case, X=case.X[:, :0], Y=case.Y[:, :0])
    assert float(cost(*nothing.data)) == 0.0


def test_a_batch_without_weight_still_costs_nothing():
    case = random_case(SIZES)
    assert float(cost(*case.data, sample_weight=np.zeros((1, 7)))) == 0.0


def test_a_softmax_of_one_unit():
    message = r"^sizes is \(3, 1\): a softmax of one unit is always 1; two .*output='sigmoid'$"
    with pytest.raises(ValueError, match=message):
        Network((3, 1), output="softmax")
    assert Network((3, 1)).output == "sigmoid"


def test_columns_that_fill_a_batch_up(eager_xp):
    """Zeros of no weight, by which programs keep one shape."""
    case = random_case(SIZES, output="softmax", weighted=True)
    inside = np.arange(7) < 5
    Y, weight = (eager_xp.asarray(a * inside, "float64") for a in (case.Y, case.sample_weight))
    check_values("softmax", Y, weight, 0.0, backend.has_values)
    with pytest.raises(ValueError, match="Y has columns with sums from 0 to 1"):
        check_values("softmax", Y, None, 0.0, backend.has_values)


def test_of_many_classes_rounding_adds_up():
    Y = np.full((1000, 2), 0.001).round(3)
    Y[:16] = 0.0
    check_values("softmax", Y, None, 0.0, backend.has_values)
    with pytest.raises(ValueError, match="sums from 0 to 0"):
        check_values("softmax", 0.0 * Y, None, 0.0, backend.has_values)
