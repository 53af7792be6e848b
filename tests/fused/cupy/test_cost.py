"""Predictions, costs and their derivatives against the vectorized kernels on NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.cupy.cost import OUTPUTS
from xpnet.kernels import OUTPUTS as ALL_OUTPUTS
from xpnet.kernels import VECTORIZED

SHAPES = [(10, 33), (1, 1), (1, 700), (3, 1), (70, 5), (11, 2000)]  # n, m
CASES = [
    *(("softmax", shape) for shape in SHAPES),
    *((name, shape) for name in OUTPUTS if name != "softmax" for shape in SHAPES[::5]),
]
"""Softmax joins the units of a column; the others differ in their formulas alone."""


def logits_and_targets(rng, output, n, m, *lead):
    """Z, and Y as `fit` hands it on: the transpose of samples in rows."""
    Z = rng.normal(size=(*lead, n, m)) * 3.0
    if output == "softmax":
        Y = np.eye(n)[rng.integers(n, size=m)]
    else:
        Y = rng.integers(3 if output == "exp" else 2, size=(m, n)).astype(float)
    return Z, Y.T


@pytest.mark.parametrize(("output", "shape"), CASES, ids=str)
def test_cost_and_derivative(agree, rng, output, shape):
    Z, Y = logits_and_targets(rng, output, *shape)
    agree("output_cost_backward", output, Z, Y, 1.0 / shape[1])
    agree("output_cost", output, Z, Y, 1.0 / shape[1])


@pytest.mark.parametrize(
    ("output", "shape"), [case for case in CASES if case[0] != "identity"], ids=str
)
def test_prediction(agree, rng, output, shape):
    Z, _ = logits_and_targets(rng, output, *shape, 2)
    agree("output_activation", output, Z)
    agree("output_activation", output, Z.swapaxes(-1, -2))


@pytest.mark.parametrize("lead", [(), (4,)], ids=["shared weights", "weights each"])
@pytest.mark.parametrize("stacked", [False, True], ids=["Y shared", "Y each"])
@pytest.mark.parametrize("output", ["softmax", "exp"])
def test_a_stack_with_sample_weights(agree, rng, output, stacked, lead):
    Z, Y = logits_and_targets(rng, output, 3, 50, 4)
    Y = np.stack([np.roll(Y, k, axis=1) for k in range(4)]) if stacked else Y
    scale = rng.random((*lead, 1, 50))
    J, _ = agree("output_cost_backward", output, Z, Y, scale)
    assert J.shape == (4,)
    agree("output_cost", output, Z, Y, scale)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_weights_of_a_long_batch_of_one_network(agree, rng, output):
    Z, Y = logits_and_targets(rng, output, 5, 9000)
    J, _ = agree("output_cost_backward", output, Z, Y, rng.random((1, 9000)))
    assert J.shape == ()


def test_targets_that_do_not_sum_to_one(agree, rng):
    Z = rng.normal(size=(6, 20))
    agree("output_cost_backward", "softmax", Z, rng.random((6, 20)), 0.05)


def test_no_samples(agree):
    for output in OUTPUTS:
        J, _ = agree("output_cost_backward", output, np.ones((3, 0)), np.ones((3, 0)), 0.0)
        assert J == 0.0
    agree("output_activation", "softmax", np.ones((3, 0)))


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_huge_logits_stay_finite(agree, output):
    Z = np.asarray([[1e4, -1e4, 1e4], [-1e4, -1e4, 1e4]])
    Y = np.asarray([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    J, dZ = agree("output_cost_backward", output, Z, Y, 1.0 / 3.0)
    assert np.isfinite(J)
    assert np.isfinite(dZ).all()
    agree("output_activation", output, Z)


def test_exp_is_infinite_beyond_the_dtype(agree):
    Z = np.asarray([[1000.0, 1.0]])
    J, dZ = agree("output_cost_backward", "exp", Z, np.ones((1, 2)), 0.5)
    assert np.isinf(J)
    assert np.isinf(dZ).tolist() == [[True, False]]


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("output", OUTPUTS)
def test_nan_stays_nan(one_order, dtype, output, row):
    Z = np.ones((2, 3))
    Z[row, 1] = np.nan
    Z, Y = (one_order.asarray(array, dtype) for array in (Z, np.full((2, 3), 0.5)))
    J, dZ = one_order.kernels.output_cost_backward(output, Z, Y, 1.0)
    assert np.isnan(one_order.to_numpy(J))
    assert np.isnan(one_order.to_numpy(dZ)[row]).tolist() == [False, True, False]


def test_a_small_batch_takes_one_kernel(device, dtype, rng):
    Z, Y = (device.asarray(x, dtype) for x in logits_and_targets(rng, "softmax", 10, 128))
    device.kernels.output_cost_backward("softmax", Z, Y, 1.0 / 128)
    assert device.launches == ["cost<output::softmax>"]


@pytest.mark.parametrize("changed", ["dtype", "scale", "scale's lead", "targets' lead"])
def test_what_it_does_not_take_goes_to_the_kernel_it_replaces(device, rng, changed):
    Z, Y = (device.asarray(x, "float64") for x in logits_and_targets(rng, "softmax", 4, 6))
    scale = 1.0 / 6
    if changed == "dtype":
        Z, Y = Z.astype("float16"), Y.astype("float16")
    if changed == "scale":
        scale = device.asarray(np.full((1, 1), scale), "float64")
    if changed == "scale's lead":
        scale = device.asarray(np.full((2, 1, 6), scale), "float64")
    if changed == "targets' lead":
        Y = Y[None, :, :]
    J, dZ = device.kernels.output_cost_backward("softmax", Z, Y, scale)
    plain, dZ_plain = VECTORIZED.output_cost_backward("softmax", Z, Y, scale)
    assert (plain == J).all()
    assert (dZ == dZ_plain).all()
    assert (device.kernels.output_cost("softmax", Z, Y, scale) == plain).all()
    A = device.kernels.output_activation("softmax", Z)
    assert (np.abs(device.to_numpy(A - VECTORIZED.output_activation("softmax", Z))) < 1e-6).all()
    assert not any(name.startswith("cost") for name in device.launches)


def test_an_output_without_cuda_goes_to_the_kernel_it_replaces(device, rng, monkeypatch):
    monkeypatch.setitem(ALL_OUTPUTS, "twice", ALL_OUTPUTS["identity"])
    Z, Y = (device.asarray(x, "float64") for x in logits_and_targets(rng, "identity", 4, 6))
    J, dZ = device.kernels.output_cost_backward("twice", Z, Y, 1.0)
    assert (dZ == Z - Y).all()
    assert (device.kernels.output_cost("twice", Z, Y, 1.0) == J).all()
    assert device.kernels.output_activation("twice", Z) is Z
    assert device.launches == []


def test_identity_predicts_its_logits(device, rng):
    Z = device.asarray(rng.normal(size=(2, 3)), "float32")
    assert device.kernels.output_activation("identity", Z) is Z
