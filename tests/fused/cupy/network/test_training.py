"""Whole trainings through the fused record, on the host and on a device if one answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xpnet
from tests.fused.cases import OPTIMIZERS
from xpnet.fused.cupy import fuse
from xpnet.kernels import VECTORIZED
from xpnet.types import Dense


def data_for(output: str, rng: np.random.Generator, m: int = 77) -> tuple[Any, Any]:
    """Samples as rows, with targets that a network can learn something of."""
    X = rng.normal(size=(m, 6))
    label = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 0)
    return X, np.eye(3)[label] if output != "exp" else np.eye(3)[label] * 2.0


def train(
    device: Any, kernels: Any, dtype: str, net: Any, X: Any, Y: Any, **settings: Any
) -> tuple[Any, list[float]]:
    """The parameters and costs after a training on `device`, by `kernels`."""
    X, Y = device.asarray(X, dtype).T, device.asarray(Y, dtype).T
    params = net.init(seed=5, like=X)
    given = {"epochs": 4, "batch_size": 16, "seed": 2, **settings}
    result = xpnet.fit(net, params, X, Y, kernels=kernels, **given)
    return result.params, [row["cost"] for row in result.history]


def agree_to_rounding(device: Any, dtype: str, ours: Any, theirs: Any) -> None:
    tolerance = 2e-3 if dtype == "float32" else 1e-9
    for layer, expected in zip(ours[0], theirs[0], strict=True):
        for x, y in zip(layer, expected, strict=True):
            x, y = device.to_numpy(x), device.to_numpy(y)
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=tolerance)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser(one_order, dtype, rng, optimizer):
    device = one_order
    net = xpnet.Network((6, 9, 3), "tanh", "softmax")
    call = dtype, net, *data_for("softmax", rng)
    kernels = fuse(VECTORIZED, device.driver, in_place=True)
    settings = {"optimizer": OPTIMIZERS[optimizer]}
    fused = train(device, kernels, *call, **settings)
    assert device.launches
    agree_to_rounding(device, dtype, fused, train(device, VECTORIZED, *call, **settings))


@pytest.mark.parametrize(
    ("hidden", "output"),
    [("relu", "softmax"), (("gelu", "softplus"), "sigmoid"), ("elu", "identity"), ("tanh", "exp")],
)
def test_every_output_with_weights_penalty_and_dropout(device, dtype, rng, hidden, output):
    net = xpnet.Network((6, 9, 5, 3), hidden, output)
    call = dtype, net, *data_for(output, rng)
    settings = {
        "optimizer": OPTIMIZERS["adam"],
        "sample_weight": device.asarray(rng.random((1, 77)), dtype),
        "l2": 0.1,
        "dropout": 0.25,
    }
    fused = train(device, device.kernels, *call, **settings)
    agree_to_rounding(device, dtype, fused, train(device, VECTORIZED, *call, **settings))


def test_a_stack_with_its_own_rates_penalties_and_weights(device, dtype, rng):
    net = xpnet.Network((6, 5, 3), "relu", "softmax")
    X, Y = (device.asarray(rows, dtype).T for rows in data_for("softmax", rng))
    members = [net.init(seed=seed, like=X) for seed in range(3)]
    params = _stacked(device, dtype, members)
    rates, penalties = (
        device.asarray(np.asarray(values)[:, None, None], dtype)
        for values in ([0.1, 0.05, 0.0], [0.0, 0.1, 0.2])
    )
    weights = device.asarray(rng.random((3, 1, 77)), dtype)
    given = {"optimizer": xpnet.optim.adam(rates), "l2": penalties, "sample_weight": weights}
    given |= {"epochs": 2, "batch_size": 20}
    ours, theirs = (
        xpnet.fit(net, params, X, Y, kernels=kernels, **given)
        for kernels in (fuse(VECTORIZED, device.driver, in_place=True), VECTORIZED)
    )
    costs = [[row["cost"] for row in result.history] for result in (ours, theirs)]
    agree_to_rounding(device, dtype, (ours.params, costs[0]), (theirs.params, costs[1]))
    fused = {name.partition("<")[0] for name in device.launches}
    assert fused == {"forward", "cost", "backward", "add_decay", "row_sums", "update"}


def test_a_step_is_few_launches(device, rng):
    net = xpnet.Network((6, 9, 5, 3), "relu", "softmax")
    train(
        device,
        device.kernels,
        "float32",
        net,
        *data_for("softmax", rng),
        optimizer=OPTIMIZERS["adam"],
        epochs=1,
        batch_size=77,
    )
    forward = ["forward<activation::relu>"] * 2 + ["forward<activation::identity>"]
    backward = ["row_sums", *["backward<activation::relu>"] * 2]
    forward.append("cost<output::softmax>")
    # Once a fit, what the last parameters cost.
    assert device.launches == [*forward, *backward, "update<optimizer::adam>", *forward]


def test_the_same_seed_gives_the_same_bits(device, dtype, rng):
    net = xpnet.Network((6, 9, 3), "tanh", "softmax")
    call = dtype, net, *data_for("softmax", rng)
    first, second = (
        train(device, device.kernels, *call, optimizer=OPTIMIZERS["adam"]) for _ in range(2)
    )
    assert first[1] == second[1]
    for layer, again in zip(first[0], second[0], strict=True):
        assert all((x == y).all() for x, y in zip(layer, again, strict=True))


class Unreadable(np.ndarray):
    """An array whose numbers the host may not ask for, as if it lay on a device."""

    def _refuse(self, *args: Any) -> Any:
        raise AssertionError("the host reads an array")

    __bool__ = __complex__ = __float__ = __index__ = __int__ = item = tolist = _refuse


def test_a_step_reads_nothing(host_device, rng):
    driver = host_device.driver._replace(
        empty=lambda shape, dtype: host_device.empty(shape, dtype).view(Unreadable)
    )
    kernels = fuse(VECTORIZED, driver, in_place=True)
    net = xpnet.Network((6, 9, 3), "gelu", "softmax")
    X, Y, weight = (
        host_device.asarray(array, "float32").view(Unreadable)
        for array in (*(rows.T for rows in data_for("softmax", rng)), rng.random((1, 77)))
    )
    params = tuple(Dense(*(x.view(Unreadable) for x in layer)) for layer in net.init(like=X))
    call = net, params, [(X, Y)] * 3
    settings = {"sample_weight": weight, "l2": 0.1, "kernels": kernels}
    *_, last = xpnet.steps(*call, optimizer=OPTIMIZERS["adam"], **settings)
    assert type(last.params[0].W) is Unreadable
    with pytest.raises(AssertionError, match="the host reads an array"):
        float(last.cost)


def _stacked(device: Any, dtype: str, members: list[Any]) -> Any:
    """The parameters of networks of one shape, with a leading axis of networks."""

    def together(*arrays: Any) -> Any:
        return device.asarray(np.stack([device.to_numpy(array) for array in arrays]), dtype)

    return tuple(
        Dense(*(together(*arrays) for arrays in zip(*layers, strict=True)))
        for layers in zip(*members, strict=True)
    )
