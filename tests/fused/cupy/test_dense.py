"""Bias, activation, mask and their derivatives against the vectorized kernels on NumPy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from xpnet.fused.cupy.dense import NEEDS_Z
from xpnet.kernels import ACTIVATIONS, VECTORIZED
from xpnet.types import Layer

SHAPES = [(5, 7, 33), (1, 3, 1), (40, 2, 300)]  # n_out, n_in, m
LAYERS = [
    *((name, SHAPES[0], True) for name in NEEDS_Z),
    *((name, shape, False) for name in ("relu", "gelu") for shape in SHAPES),
]


class Arguments(NamedTuple):
    """A layer's arrays, in float64 on the host."""

    W: np.ndarray
    b: np.ndarray
    A_prev: np.ndarray
    dA: np.ndarray
    mask: np.ndarray


@pytest.fixture
def arguments(rng):
    """``arguments(n_out, n_in, m, *lead)``: a layer's arrays, or a stack's."""

    def draw(n_out: int, n_in: int, m: int, *lead: int) -> Arguments:
        shapes = (n_out, n_in), (n_out, 1), (n_in, m), (n_out, m)
        W, b, A_prev, dA = (rng.normal(size=(*lead, *shape)) for shape in shapes)
        return Arguments(W, b, A_prev, dA, (rng.random(dA.shape) < 0.7) / 0.7)

    return draw


def layer_of(activation: str, given: Arguments, mask: Any = None) -> Layer:
    """What the forward pass leaves for the backward pass."""
    layer = VECTORIZED.dense_activation(activation, given.W, given.b, given.A_prev, mask)
    return layer if NEEDS_Z[activation] else Layer(None, layer.A)


@pytest.mark.parametrize(("activation", "shape", "masked"), LAYERS, ids=str)
def test_forward_and_backward(agree, arguments, activation, shape, masked):
    given = arguments(*shape)
    mask = given.mask if masked else None
    layer = agree("dense_activation", activation, given.W, given.b, given.A_prev, mask)
    assert (layer.Z is not None) == NEEDS_Z[activation]
    layer = layer_of(activation, given, mask)
    agree(
        "activation_dense_backward", activation, given.dA, layer, given.A_prev, given.W, mask=mask
    )


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_few_units_with_many_samples_are_summed_in_parts(agree, device, arguments, activation):
    given = arguments(2, 3, 20_000)
    agree("dense_activation", activation, given.W, given.b, given.A_prev)
    call = activation, given.dA, layer_of(activation, given), given.A_prev, given.W
    agree("activation_dense_backward", *call)
    assert device.launches[-1] == "row_sums"


@pytest.mark.parametrize("activation", ["relu", "gelu", "identity"])
@pytest.mark.parametrize("shared", [False, True], ids=["X each", "X shared"])
def test_a_stack(agree, arguments, activation, shared):
    given = arguments(4, 3, 17, 5)
    given = given._replace(A_prev=given.A_prev[0] if shared else given.A_prev)
    agree("dense_activation", activation, given.W, given.b, given.A_prev, given.mask)
    layer = layer_of(activation, given, given.mask)
    agree(
        "activation_dense_backward",
        activation,
        given.dA,
        layer,
        given.A_prev,
        given.W,
        mask=given.mask,
        decay=np.linspace(0.0, 1.0, 5)[:, None, None],
    )


@pytest.mark.parametrize("decay", [0.25, 1, np.ones((1, 1)), np.ones(())])
def test_decay_of_one_network(agree, arguments, decay):
    given = arguments(30, 21, 8)
    layer = layer_of("tanh", given)
    call = "tanh", given.dA, layer, given.A_prev, given.W
    agree("activation_dense_backward", *call, decay=decay)


def test_the_first_layer_needs_no_input_gradient(agree, arguments):
    given = arguments(4, 3, 9)
    call = "relu", given.dA, layer_of("relu", given), given.A_prev, given.W
    _, dA_prev = agree("activation_dense_backward", *call, need_dA_prev=False)
    assert dA_prev is None


def test_transposed_arguments(agree, arguments):
    given = arguments(6, 5, 12)
    W, b, A_prev, dA, mask = (np.asfortranarray(array) for array in given)
    agree("dense_activation", "silu", W, b, A_prev, mask)
    layer = Layer(*(np.asfortranarray(array) for array in layer_of("silu", given, mask)))
    agree("activation_dense_backward", "silu", dA, layer, A_prev, W, mask=mask, decay=0.1)


def test_no_samples(agree, arguments):
    given = arguments(4, 3, 0)
    agree("dense_activation", "relu", given.W, given.b, given.A_prev)
    call = "relu", given.dA, layer_of("relu", given), given.A_prev, given.W
    agree("activation_dense_backward", *call)


@pytest.mark.parametrize("activation", NEEDS_Z)
def test_nan_stays_nan(one_order, dtype, activation):
    W, b, A_prev = (
        one_order.asarray(array, dtype)
        for array in (np.ones((2, 1)), np.zeros((2, 1)), [[np.nan, 1.0]])
    )
    A = one_order.to_numpy(one_order.kernels.dense_activation(activation, W, b, A_prev).A)
    assert np.isnan(A).tolist() == [[True, False]] * 2


@pytest.mark.parametrize("activation", NEEDS_Z)
@pytest.mark.parametrize("z", [1e4, -1e4])
def test_huge_logits_stay_finite(one_order, dtype, activation, z):
    W, b, A_prev = (one_order.asarray(array, dtype) for array in ([[z]], [[0.0]], [[1.0]]))
    layer = one_order.kernels.dense_activation(activation, W, b, A_prev)
    grads, _ = one_order.kernels.activation_dense_backward(activation, A_prev, layer, A_prev, W)
    for array in (layer.A, *grads):
        assert np.isfinite(one_order.to_numpy(array)).all()


def test_one_kernel_each_way(device, dtype, arguments):
    W, b, A_prev, dA, mask = (device.asarray(array, dtype) for array in arguments(5, 4, 100))
    layer = device.kernels.dense_activation("relu", W, b, A_prev, mask)
    device.kernels.activation_dense_backward("relu", dA, layer, A_prev, W, mask=mask)
    assert device.launches == ["forward<activation::relu>", "backward<activation::relu>"]


@pytest.mark.parametrize("changed", ["stacked X", "broadcast mask"])
def test_what_it_does_not_take_goes_to_the_kernel_it_replaces(device, arguments, changed):
    W, b, A_prev, dA, mask = (device.asarray(array, "float64") for array in arguments(3, 2, 4))
    if changed == "stacked X":
        A_prev, dA, mask = (x[None, :, :] for x in (A_prev, dA, mask))
    if changed == "broadcast mask":
        mask = mask[:, :1]
    layer = device.kernels.dense_activation("tanh", W, b, A_prev, mask)
    expected = VECTORIZED.dense_activation("tanh", W, b, A_prev, mask)
    assert (layer.A == expected.A).all()
    call = "tanh", dA, expected, A_prev, W
    (dW, db), dA_prev = device.kernels.activation_dense_backward(*call, mask=mask)
    (dW_plain, db_plain), dA_prev_plain = VECTORIZED.activation_dense_backward(*call, mask=mask)
    assert (dW == dW_plain).all()
    assert (db == db_plain).all()
    assert (dA_prev == dA_prev_plain).all()
    assert device.launches == []


def test_a_decay_of_another_kind_goes_to_the_kernel_it_replaces(device, arguments):
    given = Arguments(*(device.asarray(array, "float64") for array in arguments(3, 2, 4)))
    call = "relu", given.dA, Layer(None, given.dA), given.A_prev, given.W
    decay = device.asarray(np.ones((3, 1)), "float64")
    grads, _ = device.kernels.activation_dense_backward(*call, decay=decay)
    plain, _ = VECTORIZED.activation_dense_backward(*call, decay=decay)
    assert (grads.W == plain.W).all()
    assert device.launches == []


def test_an_activation_without_cuda_goes_to_the_kernel_it_replaces(device, arguments, monkeypatch):
    twice = ACTIVATIONS["relu"]._replace(
        apply=lambda Z: 2.0 * Z, derivative=lambda Z, A: 0.0 * A + 2.0
    )
    monkeypatch.setitem(ACTIVATIONS, "twice", twice)
    given = Arguments(*(device.asarray(array, "float64") for array in arguments(3, 2, 4)))
    layer = device.kernels.dense_activation("twice", given.W, given.b, given.A_prev)
    assert (layer.A == 2.0 * layer.Z).all()
    call = "twice", given.dA, layer, given.A_prev, given.W
    grads, _ = device.kernels.activation_dense_backward(*call)
    assert (grads.b == 2.0 * given.dA.sum(axis=1, keepdims=True)).all()
    assert device.launches == []


def test_shapes_that_do_not_fit_are_reported_as_ever(device, arguments):
    W, b, A_prev, _, _ = (device.asarray(array, "float32") for array in arguments(3, 2, 4))
    with pytest.raises(ValueError, match=r"W has shape \(3, 2\), b \(3, 1\) and A_prev \(4, 2\)"):
        device.kernels.dense_activation("relu", W, b, A_prev.T)
